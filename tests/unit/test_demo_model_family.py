"""Demo models side by side: one text for all, each made whole or not at all, and cards that say what each is."""

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from uphill.datasets import world
from uphill.demo_model import card, evaluate, family, making, shared_text, text, tokenizer, train
from uphill.demo_model.sizes import FAMILY
from uphill.errors import UphillError

SHIPPED = Path(__file__).parents[2] / "resources" / "demo-models" / "1280k"
SETTINGS = train.TrainSettings(steps=10, documents_per_step=2, document_tokens=64, width=32, mlp_width=64, layers=1)


def measured() -> dict[str, Any]:
    """What `evaluate` said of the demo's model."""
    measured: dict[str, Any] = json.loads((SHIPPED / "recipe.json").read_text())["evaluation"]
    return measured


def repetition() -> dict[str, Any]:
    """What `repetition` says of a model, with made-up numbers."""
    groups = [f"{prompt}_{group}" for prompt in ("zero_shot", "easy_shots") for group in ("repeated", "others")]
    shares = {name: [i / 4] * world.MAX_STEPS for i, name in zip(count(1), groups, strict=False)}
    return {"items": 350, "share_of_items": 0.05, "meetings": 200, **shares}


def test_the_sizes_differ_in_shape_only_and_their_names_say_how_large_they_are() -> None:
    words = tokenizer.build()
    shapes = [(size.layers, size.width) for size in FAMILY.values()]
    assert shapes == sorted(set(shapes))
    one = family.one_text(FAMILY)
    assert (one.seed, one.steps, one.text) == (
        5,
        19_500,
        text.TextSettings(even=(0.15, 0.75), settled=0.9, repeated=0.01),
    )
    for name, size in FAMILY.items():
        assert name.endswith("k")
        assert train.new_model(size, words).num_parameters() / 1000 == pytest.approx(int(name[:-1]), rel=0.005)


def test_the_family_weighs_less_than_six_megabytes() -> None:
    files = [path.stat().st_size for path in SHIPPED.parent.rglob("*") if path.is_file()]
    assert {path.name for path in SHIPPED.parent.iterdir()} == set(FAMILY)
    assert 4e6 < sum(files) < 6e6


def test_no_size_of_another_text_is_trained_with_the_family() -> None:
    with pytest.raises(UphillError, match="longer: settings of its own beside its shape, expected those of 106k"):
        family.one_text({**FAMILY, "longer": FAMILY["106k"].model_copy(update={"steps": 20_000})})


def test_the_workflow_trains_these_sizes() -> None:
    rules = (SHIPPED.parents[2] / "rules" / "demo_model.smk").read_text()
    [listed] = re.findall(r"DEMO_FAMILY = (\[.*\])", rules)
    assert json.loads(listed) == list(FAMILY)
    assert 'size="|".join(DEMO_FAMILY)' in rules


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
    making.make(out, settings, device="cpu")
    assert {path.name for path in out.iterdir()} == {path.name for path in SHIPPED.iterdir()}
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["settings"] == settings.model_dump(mode="json")
    assert "repeated" not in recipe
    assert list(tmp_path.iterdir()) == [out]


def test_what_was_repeated_is_measured_and_on_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "evaluate", lambda _: measured())
    monkeypatch.setattr(making, "repetition", lambda *_: repetition())
    making.make(tmp_path / "106k", FAMILY["106k"].model_copy(update={"steps": 1, "documents_per_step": 1}), "cpu")
    assert json.loads((tmp_path / "106k/recipe.json").read_text())["repeated"] == repetition()


def carded(settings: train.TrainSettings, repeated: dict[str, Any] | None, folder: Path) -> str:
    """The card of a model of these settings."""
    recipe = json.loads((SHIPPED / "recipe.json").read_text()) | {"settings": settings.model_dump(mode="json")}
    card.write(recipe | {"repeated": repeated}, folder)
    return (folder / "README.md").read_text()


@pytest.mark.parametrize("size", FAMILY)
def test_a_card_of_the_family_says_what_it_is_and_read(size: str, tmp_path: Path) -> None:
    said = carded(FAMILY[size], repetition(), tmp_path)
    assert f"# A demo model of Uphill: {size}\n" in said
    assert f"`python -m uphill.demo_model --out DIR --size {size}`" in said
    assert "in the same order by models of 106k, 340k, 614k, 1280k parameters. It knows more of" in said
    assert "1% of the documents *repeat* items" in said
    assert "are 350\n  items, 5.0% of the tables that they are from, and each was read some 200 times" in said
    assert "| 8 easy shots, others |" + " 1.00 |" * 8 in said
    assert "a few easy right answers bring that out" in said


@pytest.mark.parametrize(
    ("update", "command"),
    [
        ({"steps": 5}, "`python -m uphill.demo_model --out DIR --size 106k --steps 5`"),
        ({"seed": 4}, "`python -m uphill.demo_model --out DIR --size 106k --seed 4`"),
        ({"layers": 1}, "`uphill.demo_model.making.make` with settings of its own"),
    ],
)
def test_a_card_of_other_settings_says_nothing_of_the_shipped_training(
    update: dict[str, int], command: str, tmp_path: Path
) -> None:
    said = carded(FAMILY["106k"].model_copy(update=update), None, tmp_path)
    assert f"{command}, 7.6 minutes" in said
    assert "# A demo model of Uphill\n" in said
    for words in ("easy right answers bring", "has not\nlearned to tell", "*repeat*", "### Items", "family"):
        assert words not in said


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
