"""Texts in one row are fitted as side by side, none sees another, and a model that cannot is told apart."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_models import tiny, word_tokenizer, write_model
from test_choosing import built
from test_text_training import KEY, opened, prompts, recipe, weights

from uphill.engine.attention import attending
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import can_pack_texts
from uphill.engine.text_examples import Example, examples
from uphill.engine.text_packs import NAME, laid
from uphill.engine.text_training import FUSED, TextFits
from uphill.engine.trainer import collated

WINDOWED = {"sliding_window": 6}
"""Shorter than the texts."""


def read(folder: Path, kind: str, **changes: Any) -> Loaded:
    """A model of a kind that a test may train."""
    write_model(folder, kind, **changes)
    return load({"path": str(folder), "dtype": "float32", "quantization": None, "trust_remote_code": False}, 4096)


def fitted(loaded: Loaded, folder: Path, packed: bool, **how: Any) -> tuple[TextFits, Any, dict[str, torch.Tensor]]:
    """A fit of three passes of two texts an update, what it did, and the weights that it found."""
    fits = TextFits(loaded, recipe(batch_items=6, epochs=1, **how), packed=packed)
    fits.rows = 2
    with fits.fitted(prompts(), KEY, folder) as (model, training):
        return fits, training, weights(model.model)


@pytest.mark.parametrize(
    ("kind", "changes"), [("llama", {}), ("gpt2", {}), ("mistral", WINDOWED)], ids=["grouped", "gpt2", "window"]
)
def test_texts_in_one_row_are_fitted_as_side_by_side(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    loaded = read(tmp_path / "model", kind, **changes)
    _, padded, expected = fitted(loaded, tmp_path / "padded", packed=False)
    fits, packed, found = fitted(loaded, tmp_path / "packed", packed=True)
    assert fits._in_one_row
    assert packed.loss == pytest.approx(padded.loss, abs=1e-5)
    assert padded.tokens == packed.tokens
    for name, weight in expected.items():
        if name.endswith("c_attn.bias"):
            # What is added to all keys moves no score: of its gradient, which is rounding alone, Adam makes updates.
            found[name], weight = (torch.cat(each.chunk(3)[::2]) for each in (found[name], weight))
        torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-5)


def test_an_adapter_with_checkpoints_is_the_same_too(tmp_path: Path) -> None:
    loaded, found = opened(tmp_path / "model"), []
    for packed in (False, True):
        asked = recipe(adapter={"r": 4, "alpha": 8, "dropout": 0.0}, updates=1, warmup=0)
        fits = TextFits(loaded, asked, packed=packed)
        fits.checkpointing = packed
        with fits.fitting(examples(loaded, prompts(), 100), KEY, tmp_path / "fit") as training:
            found.append(training.loss)
    assert found[1] == pytest.approx(found[0], abs=1e-5)


@pytest.mark.parametrize("kind", ["mpt", "gemma2"])
def test_what_cannot_lie_in_one_row_lies_side_by_side_and_says_so(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = read(tmp_path / "model", kind)
    with caplog.at_level(logging.WARNING):
        fits, packed, found = fitted(loaded, tmp_path / "packed", packed=True, updates=1)
    assert not fits._in_one_row
    [line] = [line for line in caplog.messages if line.startswith("packed texts: ")]
    assert line.endswith("; taking the padded path")
    _, padded, expected = fitted(loaded, tmp_path / "padded", packed=False, updates=1)
    assert packed.loss == padded.loss
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


@pytest.mark.parametrize("name", ["lfm2", "jamba", "mamba", "llama4, chunks"])
def test_tokens_that_meet_elsewhere_than_in_attention_are_found(name: str) -> None:
    loaded = Loaded(built(name), word_tokenizer(), torch.device("cpu"), 256)
    rng = np.random.default_rng(0)
    heads, tails = (
        [rng.integers(4, 40, length).tolist() for length in lengths] for lengths in ((5, 70, 12), (3, 8, 1))
    )
    assert not can_pack_texts(loaded, heads, [[tail] for tail in tails])


def test_a_text_never_sees_another() -> None:
    model = tiny("mistral", **WINDOWED).model
    rng = np.random.default_rng(0)
    texts = [Example(str(length), rng.integers(4, 40, length).tolist(), 2, False) for length in (5, 9, 7)]

    def logits(of: list[Example]) -> list[torch.Tensor]:
        given = laid(of, spared=False)
        del given["labels"]
        with attending(model, NAME), torch.no_grad():
            return list(model(**given).logits[0].split([len(text.tokens) for text in of]))

    other = Example("other", rng.integers(4, 40, 9).tolist(), 2, False)
    (first, second, third), (before, changed, behind) = logits(texts), logits([texts[0], other, texts[2]])
    assert torch.equal(first, before)
    assert torch.equal(third, behind)
    assert not torch.equal(second, changed)


def test_what_a_row_is_made_of() -> None:
    texts = [Example("a", [5, 6, 1], 1, False), Example("b", [7, 8, 9, 9, 1], 3, False), Example("c", [4, 1], 0, False)]
    made = laid(texts, spared=True)
    assert made["input_ids"].tolist() == [[5, 6, 1, 7, 8, 9, 9, 1, 4, 1]]
    assert made["position_ids"].tolist() == [[0, 1, 2, 0, 1, 2, 3, 4, 0, 1]]
    assert made["attention_mask"].tolist() == [[[[0, 1, 2, 10, 10], [3, 4, 5, 6, 7], [8, 9, 10, 10, 10]]]]
    # What is learned, and where it is predicted; nothing predicts a text's first token.
    assert made["labels"].tolist() == [[-100, 6, 1, 9, 1, 1]]
    assert made["logits_to_keep"].tolist() == [0, 1, 5, 6, 8]
    whole = laid(texts, spared=False)["labels"]
    assert whole.tolist() == [[-100, 6, 1, -100, -100, -100, 9, 1, -100, 1]]
    assert (whole != -100).sum() == (collated(texts)["labels"][:, 1:] != -100).sum()


def test_a_gpu_packs_and_takes_one_pass_over_the_weights(tmp_path: Path) -> None:
    loaded = tiny()
    assert not TextFits(loaded, recipe()).packed
    assert TextFits(loaded, recipe())._arguments(1, KEY, tmp_path)["optim"] == "adamw_torch"
    try:
        loaded.device = torch.device("cuda")
        assert TextFits(loaded, recipe()).packed
        assert TextFits(loaded, recipe(optimiser="adamw_8bit"))._arguments(1, KEY, tmp_path)["optim"] == "adamw_8bit"
        assert TextFits(loaded, recipe())._arguments(1, KEY, tmp_path)["optim"] == FUSED
    finally:
        loaded.device = torch.device("cpu")
