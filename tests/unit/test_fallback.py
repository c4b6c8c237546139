"""Ways to pack, fastest first: one that fails or differs is left for the next, in a line that says why."""

import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from engine_models import naive_scores, ragged_prompts, tiny
from test_scoring import assert_as_naive, raising_once

from uphill.engine import attention, packed, scoring
from uphill.engine.attention import Attention
from uphill.engine.loading import Loaded
from uphill.engine.scoring import score
from uphill.engine.tokens import encode_items

PROMPTS = ragged_prompts(12, seed=9, shared_words=10)


def fails(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("no such\nkernel")


def ready(how: Attention = "blocks", compiled: bool = False, pack_tokens: int = 60, kind: str = "llama") -> Loaded:
    return dataclasses.replace(tiny(kind, pack_tokens=pack_tokens), attention=how, compiled=compiled)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def fail_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_compiled_forward", lambda kind: fails)


def fail_flex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_flex", fails)


def fail_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "dense_mask", fails)


@pytest.mark.parametrize(
    ("start", "broken", "end", "steps"),
    [
        (("blocks", True), [fail_compiled], ("blocks", False, True), ["blocks, compiled"]),
        (("blocks", False), [fail_flex], ("dense", False, True), ["blocks", "joined"]),
        (("blocks", True), [fail_flex], ("dense", False, True), ["blocks, compiled", "blocks", "joined"]),
        (("dense", True), [fail_compiled], ("dense", False, True), ["dense, compiled"]),
        (("blocks", False), [fail_flex, fail_dense], ("dense", False, False), ["blocks", "joined", "dense"]),
        (("blocks", False), [], ("blocks", False, True), []),
    ],
)
def test_what_fails_is_left_for_the_next_way(
    start: tuple[Attention, bool],
    broken: list[Callable[[pytest.MonkeyPatch], None]],
    end: tuple[Attention, bool, bool],
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if (start, broken) == (("blocks", True), [fail_flex]):
        # Compiling takes long here; what is compiled calls the same attention.
        monkeypatch.setattr(attention, "_compiled_forward", lambda kind: kind.forward)
    loaded = ready(*start)
    for breaks in broken:
        breaks(monkeypatch)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, PROMPTS))
    assert (loaded.attention, loaded.compiled, loaded.packed) == end
    assert_as_naive(loaded, PROMPTS, found)
    lines = warnings(caplog)
    assert [line.split("packed scoring (")[1].split(")")[0] for line in lines] == steps
    assert all("NotImplementedError: no such kernel" in line for line in lines)
    # What was found out holds for the next call.
    caplog.clear()
    assert_as_naive(loaded, PROMPTS, list(score(loaded, PROMPTS)))
    assert not warnings(caplog)


def test_a_way_that_gives_something_else_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flex = attention._flex
    monkeypatch.setattr(attention, "_flex", lambda *args: (flex(*args)[0] * 1.5, flex(*args)[1]))
    loaded = ready()
    with caplog.at_level(logging.WARNING, logger="uphill"):
        assert_as_naive(loaded, PROMPTS, list(score(loaded, PROMPTS)))
    assert loaded.attention == "dense"
    assert all("nats off those of whole sequences" in line for line in warnings(caplog))


@pytest.mark.parametrize("layers", [None, [1, 3]])
def test_a_failure_amid_a_pass_loses_nothing(
    layers: list[int] | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = ready()
    scoring.ready(loaded, *encode_items(loaded, PROMPTS), layers is not None)
    calls = []

    def fails_at_the_third(*args: Any) -> Any:
        calls.append(args)
        if len(calls) > 2:
            fails()
        return real(*args)

    real = packed.pack_mask
    monkeypatch.setattr(packed, "pack_mask", lambda until, cache, joined: fails_at_the_third(until, cache, joined))
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, PROMPTS, layers))
    assert_as_naive(loaded, PROMPTS, found)
    assert loaded.attention == "dense"
    assert len(warnings(caplog)) == 2
    assert all((scores.states is None) == (layers is None) for scores in found)


def test_a_failure_of_every_packed_way_amid_a_pass_ends_padded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = ready("dense")
    assert scoring.can_pack(loaded, *encode_items(loaded, PROMPTS))
    scores = score(loaded, PROMPTS)
    found = [next(scores)]
    fail_dense(monkeypatch)
    found += list(scores)
    assert loaded.packed is False
    assert_as_naive(loaded, PROMPTS, found)


def test_a_job_compiles_once_it_has_read_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    compilations = []

    def compile_forward(kind: type[torch.nn.Module]) -> Any:
        compilations.append(kind)
        return kind.forward

    monkeypatch.setattr(attention, "_compiled_forward", compile_forward)
    loaded = dataclasses.replace(ready("dense"), compile_from=1000)
    # Own tokens of each item and its choices, and the shared prefix (BOS and 10 words) once.
    each = sum(
        1 + len(prompt.text.split()) + sum(len(choice.split()) for choice in prompt.choices) for prompt in PROMPTS
    ) - 11 * (len(PROMPTS) - 1)
    passes = -(-1000 // each)
    for number in range(1, passes + 2):
        assert_as_naive(loaded, PROMPTS, list(score(loaded, PROMPTS)))
        assert loaded.compiled == bool(compilations) == (number >= passes)
    assert loaded.packed is True


def test_the_blocks_of_a_model_really_run_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own tracer, without the compiler behind it."""
    loaded = ready("dense", compiled=True)
    traced = []

    def backend(graph: Any, inputs: Any) -> Any:
        traced.append(len(graph.graph.nodes))
        return graph.forward

    real = torch.compile
    monkeypatch.setattr(
        attention, "_compiled_forward", lambda found: real(found.forward, dynamic=True, backend=backend)
    )
    assert_as_naive(loaded, PROMPTS, list(score(loaded, PROMPTS)))
    assert loaded.compiled
    assert traced
    assert "forward" not in vars(loaded.model.model.layers[0])


@pytest.mark.parametrize("place", ["model", "block"])
def test_out_of_memory_halves_padded_batches(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = tiny("mpt")
    loaded.packed = False
    module = loaded.model if place == "model" else loaded.model.transformer.blocks[0].ffn
    forward = raising_once(module.forward, torch.OutOfMemoryError("full"), lambda given: given.shape[0] > 4)
    monkeypatch.setattr(module, "forward", forward)
    with caplog.at_level(logging.WARNING, logger="uphill"):
        found = list(score(loaded, PROMPTS, [1, 3]))
    assert forward.raised == 1
    assert "halving" in caplog.text
    naive = sum(len(choice.split()) + 1 + len(prompt.text.split()) for prompt in PROMPTS for choice in prompt.choices)
    assert loaded.pack_tokens == naive // 2
    assert_as_naive(loaded, PROMPTS, found)
    for prompt, scores in zip(PROMPTS, found, strict=True):
        assert scores.states is not None
        assert abs(scores.states - naive_scores(loaded, prompt, [1, 3])[1]).max() < 1e-3 * abs(scores.states).max()


def test_a_sequence_too_large_alone_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("mpt")
    loaded.packed = False

    def full(*args: Any, **kwargs: Any) -> Any:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(loaded.model.transformer.blocks[0].ffn, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):
        list(score(loaded, PROMPTS))
