"""The demo models side by side: one text for all, each made whole or not at all, and their shipped files."""

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from uphill.datasets import world
from uphill.demo_model import card, evaluate, family, making, shared_text, tokenizer, train
from uphill.demo_model.sizes import SIZES
from uphill.errors import UphillError

SHIPPED = Path(__file__).parents[2] / "resources" / "demo-models"
SETTINGS = train.TrainSettings(steps=10, documents_per_step=2, document_tokens=64, width=32, mlp_width=64, layers=1)
FILES = {
    *("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    *("recipe.json", "README.md"),
}


def measured() -> dict[str, Any]:
    """What `evaluate` says of a model, with made-up numbers."""
    eighths = [step / 8 for step in range(1, world.MAX_STEPS + 1)]
    spoken = {name: {"states_an_answer": 0.5, "accuracy": eighths} for name in ("zero_shot", "easy_shots")}
    correlations = {"probe_mdl_spearman": 0.25, "zero_shot_mdl_spearman": 0.125}
    one = {**dict.fromkeys(card.ROWS, eighths), **correlations, "written_reasoning": spoken}
    return dict.fromkeys(world.DOMAINS, one)


def repetition() -> dict[str, Any]:
    """What `repetition` says of a model, with made-up numbers."""
    groups = [f"{prompt}_{group}" for prompt in ("zero_shot", "easy_shots") for group in ("repeated", "others")]
    shares = {name: [i / 4] * world.MAX_STEPS for i, name in zip(count(1), groups, strict=False)}
    return {"items": 350, "share_of_items": 0.05, "meetings": 200, **shares}


def test_the_sizes_differ_in_shape_only_and_their_names_say_how_large_they_are() -> None:
    words = tokenizer.build()
    shapes = [(size.layers, size.width) for size in SIZES.values()]
    assert shapes == sorted(set(shapes))
    assert family.one_text(SIZES).model_dump().keys() == train.TrainSettings().model_dump().keys()
    for name, size in SIZES.items():
        assert name.endswith("k")
        assert train.new_model(size, words).num_parameters() / 1000 == pytest.approx(int(name[:-1]), rel=0.005)


def test_the_workflow_trains_these_sizes() -> None:
    rules = (SHIPPED.parents[1] / "rules" / "demo_model.smk").read_text()
    [listed] = re.findall(r"DEMO_SIZES = (\[.*\])", rules)
    assert json.loads(listed) == list(SIZES)


def test_sizes_of_two_texts_are_refused() -> None:
    sizes = {"one": SETTINGS, "two": SETTINGS.model_copy(update={"seed": 4})}
    with pytest.raises(UphillError, match="two: settings of its own beside its shape, expected those of one"):
        family.one_text(sizes)


@pytest.mark.parametrize("chunk", [4, 5, 100])
def test_shared_text_is_the_text(chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_text, "CHUNK", chunk)
    for part in reversed(shared_text.chunks(SETTINGS)):
        shared_text.write_chunk(SETTINGS, tmp_path, part)
    shared, own = shared_text.SharedBatches(SETTINGS, tmp_path), train.Batches(SETTINGS, tokenizer.build())
    assert len(shared) == len(own)
    for step in [*range(10), 3]:
        for found, expected in zip(shared[step], own[step], strict=True):
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)


def test_text_that_nobody_writes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UphillError, match="no such part of the training text"):
        shared_text.SharedBatches(SETTINGS, tmp_path / "gone")[0]
    monkeypatch.setattr(shared_text, "PATIENCE", 0.1)
    with pytest.raises(UphillError, match=r"00000\.npz: no such part of the training text"):
        shared_text.SharedBatches(SETTINGS, tmp_path)[0]


def test_text_is_awaited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_text.time, "sleep", lambda _: shared_text.write_chunk(SETTINGS, tmp_path, 0))
    ids, _ = shared_text.SharedBatches(SETTINGS, tmp_path)[0]
    assert ids.shape == (2, 64)


def test_outputs_appear_together_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "model"
    settings = SETTINGS.model_copy(update={"steps": 1})

    def killed(reader: evaluate.Reader) -> None:
        assert reader.model.dtype == torch.float32
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "evaluate", killed)
    with pytest.raises(KeyboardInterrupt):
        making.make(out, settings, device="cpu")
    assert list(out.iterdir()) == []
    monkeypatch.setattr(making, "evaluate", lambda _: measured())
    monkeypatch.setattr(making, "repetition", lambda *_: repetition())
    making.make(out, settings, device="cpu")
    assert {path.name for path in out.iterdir()} == FILES
    assert json.loads((out / "recipe.json").read_text())["settings"] == settings.model_dump(mode="json")
    assert list(tmp_path.iterdir()) == [out]


def made(out: Path, settings: train.TrainSettings, device: str, workers: int, text_folder: Path) -> None:
    """In place of `make`: the sum of the text's ids, or a failure where the model is called so."""
    batches = shared_text.SharedBatches(settings, text_folder)
    total = sum(int(batches[step][0].sum()) for step in range(settings.steps))
    if out.name == "bad":
        raise RuntimeError("no more memory")
    out.mkdir(parents=True)
    (out / "sum").write_text(f"{total} {device} {workers} {settings.width}")


def written_nowhere(settings: train.TrainSettings, folder: Path, chunk: int) -> None:
    """In place of `write_chunk`, on a disk that is full."""
    raise OSError(f"no space left: {chunk}")


def test_sizes_are_made_of_one_text_and_one_that_fails_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(family, "make", made)
    sizes = {name: SETTINGS.model_copy(update={"width": width}) for name, width in (("a", 8), ("bad", 8), ("b", 16))}
    with pytest.raises(UphillError, match=r"bad: not made, for what is written above; expected to train 3"):
        family.make_family(sizes, tmp_path, "cpu", workers=1)
    own = train.Batches(SETTINGS, tokenizer.build())
    total = sum(int(own[step][0].sum()) for step in range(SETTINGS.steps))
    assert {path.parent.name: path.read_text() for path in tmp_path.glob("*/sum")} == {
        "a": f"{total} cpu 1 8",
        "b": f"{total} cpu 1 16",
    }
    assert "bad: RuntimeError: no more memory" in capsys.readouterr().out


def test_without_text_no_size_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(family, "make", made)
    monkeypatch.setattr(family, "write_chunk", written_nowhere)
    with pytest.raises(UphillError, match=r"the text, a: not made"):
        family.make_family({"a": SETTINGS}, tmp_path, "cpu", workers=1)
    assert "the text: OSError: no space left: 0" in capsys.readouterr().out


@pytest.mark.parametrize("watched", [False, True])
def test_a_training_that_nobody_watches_says_a_line_now_and_then(
    watched: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds: Callable[[], float] = iter(range(0, 1000, 20)).__next__
    monkeypatch.setattr(making.time, "monotonic", seconds)
    monkeypatch.setattr(making.sys.stderr, "isatty", lambda: watched, raising=False)
    losses = [torch.tensor(float(step)) for step in range(1, 6)]
    assert list(making.followed(iter(losses), 5, "106k")) == losses
    lines = capsys.readouterr().out.splitlines()
    said = ["106k: step 2 of 5, loss 2.0000, 40 s", "106k: step 4 of 5, loss 4.0000, 80 s"]
    assert lines == ([] if watched else [*said, "106k: step 5 of 5, loss 5.0000, 100 s"])


@pytest.mark.parametrize("size", SIZES)
def test_shipped_files_belong_to_this_code(size: str, tmp_path: Path) -> None:
    folder = SHIPPED / size
    recipe = json.loads((folder / "recipe.json").read_text())
    assert {path.name for path in folder.iterdir()} == FILES
    assert train.TrainSettings(**recipe["settings"]) == SIZES[size]
    assert recipe["world"] == json.loads(json.dumps({name: getattr(world, name) for name in recipe["world"]}))
    assert AutoTokenizer.from_pretrained(folder).get_vocab() == tokenizer.build().get_vocab()
    assert AutoModelForCausalLM.from_pretrained(folder).num_parameters() == recipe["parameters"]
    card.write(recipe, tmp_path)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()


def test_the_family_is_small() -> None:
    sizes = [path.stat().st_size for path in SHIPPED.glob("*/*")]
    assert 4e6 < np.sum(sizes) < 6e6
