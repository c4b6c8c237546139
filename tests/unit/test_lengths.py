"""How long a dataset's texts are, and how many it has: as the published files say, and as its own table does."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from uphill import registry
from uphill.config.checked import check
from uphill.datasets.items import make_items
from uphill.planning.lengths import PUBLISHED, lengths, measured
from uphill.planning.lengths import published as published_lengths
from uphill.schemas.files import write
from uphill.schemas.items import ITEMS
from uphill.workflow.stages.items import items
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared/data"))
FOLDERS = {"ai2_arc": "arc", "mmlu_stem5": "mmlu_stem", "strategyqa": "strategyqa", "gsm8k": "gsm8k"}


@pytest.fixture(autouse=True)
def _away_from_results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder with the demo's config and model, and without results."""
    for name in ("config", "resources", "src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA}; name their folder in UPHILL_DATA")
@pytest.mark.parametrize("kind", FOLDERS)
def test_lengths_are_those_of_the_published_files(kind: str) -> None:
    settings = {"kind": kind, "dataset": kind, "pools": {"hardness": 100}, "seed": 0}
    found = measured(make_items(settings | {"source": {"folder": DATA / FOLDERS[kind]}}))
    known = PUBLISHED[kind]
    assert found.items + found.pool == known.items
    for name in ("question", "choices", "choice", "answer", "reasoning"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), abs=0.06), name


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("ai2_arc", {"annotated": False}),
        ("ai2_arc", {"annotated": False, "subsets": ["ARC-Challenge"], "splits": ["test"]}),
        ("gsm8k", {"splits": ["test"]}),
    ],
)
@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA} (set UPHILL_DATA)")
def test_sizes_of_parts_are_those_of_the_published_files(kind: str, part: dict[str, Any]) -> None:
    source = {"folder": str(DATA / FOLDERS[kind]), **part}
    found = measured(make_items({"kind": kind, "dataset": kind, "pools": {"hardness": 0}, "seed": 0, "source": source}))
    module = registry.load("uphill.datasets", kind, "load")
    known = published_lengths(kind, registry.settings_of(module, source))
    assert known is not None
    assert (found.items, found.pool) == (known.items, 0)
    # A part is taken to be like the whole; choices of ARC-Challenge are a quarter longer.
    for name in ("question", "choice", "answer", "reasoning"):
        assert getattr(found, name) == pytest.approx(getattr(known, name), rel=0.3), name


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA} (set UPHILL_DATA)")
def test_a_test_split_and_questions_of_true_or_false_are_reckoned_with() -> None:
    """The oracle is the items themselves, made of the published files."""
    raw = yaml.safe_load((ROOT / "config/weak_to_strong.yaml").read_text())
    study = Study(check(raw))
    reckoned, settings = lengths(study, "arc"), items(study, "arc").settings
    place = {"folder": str(DATA / FOLDERS["ai2_arc"]), "revision": None}
    found = measured(make_items({**settings, "source": {**settings["source"], **place}}))
    assert (reckoned.items, reckoned.pool, reckoned.tested) == (found.items, found.pool, found.tested)
    assert (reckoned.choices, reckoned.choice, reckoned.reasoning) == (found.choices, found.choice, found.reasoning)
    # A coin has its luck; a part is taken to be like the whole.
    assert reckoned.answer == pytest.approx(found.answer, rel=0.02)
    assert reckoned.question == pytest.approx(found.question, rel=0.1)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("ai2_arc", {"subsets": ["ARC-Easy"]}),
        ("mmlu_stem5", {"subjects": ["physics"]}),
        ("mmlu_stem5", {"splits": ["dev"]}),
        ("strategyqa", {"splits": ["dev"]}),
        ("gsm8k", {"config": "socratic"}),
    ],
)
def test_a_part_of_another_size_is_not_taken_for_the_whole(kind: str, part: dict[str, Any]) -> None:
    module = registry.load("uphill.datasets", kind, "load")
    whole, some = (registry.settings_of(module, {"folder": "x", **keys}) for keys in ({}, part))
    assert published_lengths(kind, whole) == PUBLISHED[kind]
    assert published_lengths(kind, some) is None
    assert published_lengths("file", whole) is None


def test_lengths_come_from_the_item_table_once_it_is_made() -> None:
    study = Study(check(yaml.safe_load(Path("config/config.yaml").read_text())))
    before, job = lengths(study, "dial"), items(study, "dial")
    made = make_items(job.settings | {"pools": {"hardness": 100}}).iloc[:500]
    write(made, "results/items/dial.parquet", ITEMS, job.spec)
    after = lengths(study, "dial")
    assert (before.items, before.pool) == (1400, 600)
    assert after.items + after.pool == 500
