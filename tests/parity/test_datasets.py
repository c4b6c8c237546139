"""Counts of the published datasets, from the real files (spec: Hase et al. 2024, sections 2.1 to 2.4 and 3.3).

The files are in the folder that `UPHILL_DATA` names, or in `../shared/data`; without them these tests are skipped.
"""

import os
import time
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from uphill.datasets import ai2_arc, gsm8k, mmlu_stem5, strategyqa
from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.grading.stated import extract_answer, same_answer
from uphill.schemas.items import ITEMS

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
FOLDERS = {"ai2_arc": "arc", "mmlu_stem5": "mmlu_stem", "strategyqa": "strategyqa", "gsm8k": "gsm8k"}
MODULES: dict[str, ModuleType] = {
    "ai2_arc": ai2_arc,
    "mmlu_stem5": mmlu_stem5,
    "strategyqa": strategyqa,
    "gsm8k": gsm8k,
}

pytestmark = pytest.mark.skipif(
    not all((DATA / folder).is_dir() for folder in FOLDERS.values()),
    reason=f"no published files in {DATA}, expected {', '.join(FOLDERS.values())} there (set UPHILL_DATA)",
)


def load(kind: str, **settings: object) -> pd.DataFrame:
    """A dataset's rows, which are read once."""
    return read(kind, **settings).copy()


@cache
def read(kind: str, **settings: object) -> pd.DataFrame:
    module = MODULES[kind]
    return module.load(module.Settings(folder=DATA / FOLDERS[kind], **settings))


def counts(values: pd.Series) -> dict[int, int]:
    return {int(value): int(count) for value, count in values.value_counts().sort_index().items()}


def levels(values: pd.Series, easy_max: float, hard_min: float) -> tuple[int, int, int]:
    easy, hard = int((values <= easy_max).sum()), int((values >= hard_min).sum())
    return easy, len(values) - easy - hard, hard


def published_pool(rows: pd.DataFrame) -> pd.DataFrame:
    """What the release's seed 0 leaves for experiments: all rows but 1000, drawn from rows in their first order."""
    return rows.drop(index=np.random.default_rng(0).choice(len(rows), 1000, replace=False))


@pytest.mark.parametrize(
    ("kind", "count", "hardness_pool"),
    [("ai2_arc", 4521, 1000), ("mmlu_stem5", 1746, 0), ("strategyqa", 2290, 0), ("gsm8k", 8792, 1000)],
)
def test_number_of_items_and_pools(kind: str, count: int, hardness_pool: int) -> None:
    rows = load(kind)
    assert (len(rows), rows.attrs["dropped"]) == (count, 0)
    items = build_items(rows, kind, Pools(hardness=hardness_pool), 0)
    ITEMS.to_arrow(items, kind)
    assert (items["pool"] == "hardness").sum() == hardness_pool
    assert (items["pool"] == "experiment").sum() == count - hardness_pool


# -- ARC, section 2.1 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "values", "cuts", "expected"),
    [
        ("human_grade", {3: 194, 4: 277, 5: 963, 6: 263, 7: 792, 8: 2032}, (5, 8), (1434, 1055, 2032)),
        ("human_difficulty", {1: 1056, 2: 2878, 3: 587}, (1, 3), (1056, 2878, 587)),
        ("human_bloom", {1: 1118, 2: 1239, 3: 1314, 4: 660, 5: 190}, (2, 4), (2357, 1314, 850)),
        ("human_depth_of_knowledge", {1: 2353, 2: 1974, 3: 194}, (1, 3), (2353, 1974, 194)),
    ],
)
def test_arc_levels(
    variable: str, values: dict[int, int], cuts: tuple[int, int], expected: tuple[int, int, int]
) -> None:
    rows = load("ai2_arc")
    assert rows[variable].dtype == np.int64
    assert counts(rows[variable]) == values
    assert levels(rows[variable], *cuts) == expected


def test_arc_third_and_eighth_grade() -> None:
    """The two training sets of Figure 1."""
    grade = load("ai2_arc")["human_grade"]
    assert (int((grade <= 3).sum()), int((grade >= 8).sum())) == (194, 2032)


def test_arc_bloom_and_depth_go_together() -> None:
    rows = load("ai2_arc")
    assert rows["human_bloom"].corr(rows["human_depth_of_knowledge"], method="spearman") == pytest.approx(
        0.91, abs=0.005
    )


def test_arc_subsets_ids_and_ungraded_items() -> None:
    rows = load("ai2_arc")
    assert rows["subset"].value_counts().to_dict() == {"ARC-Easy": 2950, "ARC-Challenge": 1571}
    assert rows["item_id"].str.startswith("Mercury").all()
    annotated = pd.read_json(DATA / "arc" / ai2_arc.ANNOTATIONS, orient="index")
    ungraded = annotated["grade"].isin(ai2_arc.UNGRADED)
    assert (len(annotated), int(ungraded.sum())) == (5120, 599)
    kept = {ai2_arc.SUBSETS[row.subset] + row.item_id for row in rows.itertuples()}
    assert kept == set(annotated.index[~ungraded])


def test_arc_quirks_of_all_items() -> None:
    rows = load("ai2_arc", annotated=False)
    assert rows.groupby(["subset", "split"]).size().to_dict() == {
        ("ARC-Challenge", "test"): 1172,
        ("ARC-Challenge", "train"): 1119,
        ("ARC-Challenge", "validation"): 299,
        ("ARC-Easy", "test"): 2376,
        ("ARC-Easy", "train"): 2251,
        ("ARC-Easy", "validation"): 570,
    }
    assert counts(rows["choices"].map(len)) == {3: 22, 4: 7750, 5: 15}
    splits = rows.groupby("question")["split"].nunique()
    assert int((splits > 1).sum()) == 17
    pair = rows.set_index("item_id").loc[["NYSEDREGENTS_2009_4_25", "NYSEDREGENTS_2012_4_20"]]
    assert pair["question"].nunique() == 1
    assert pair["answer_idx"].tolist() == [1, 3]
    assert pair["answer_text"].tolist() == ["sunlight", "sunlight"]


def test_arc_items_with_number_labels_have_the_right_answer() -> None:
    raw = pd.concat(pd.read_json(path, lines=True, dtype=False) for path in sorted((DATA / "arc").glob("*.jsonl")))
    rows = load("ai2_arc", annotated=False).set_index("item_id")
    numbered = raw[raw["answerKey"].astype(str).str.isdigit()]
    assert len(numbered) == 269
    for row in numbered.itertuples():
        choice = row.question["choices"][int(row.answerKey) - 1]
        assert rows.loc[row.id, "answer_text"] == choice["text"]


def test_arc_is_read_in_a_few_seconds() -> None:
    start = time.process_time()
    build_items(read.__wrapped__("ai2_arc"), "ai2_arc", Pools(hardness=1000), 0)
    assert time.process_time() - start < 5


# -- MMLU-STEM-5, section 2.2 ----------------------------------------------------------------------------------------


def test_mmlu_levels_and_tests() -> None:
    rows = load("mmlu_stem5")
    assert counts(rows["human_hardness"]) == {0: 1143, 1: 603}
    assert levels(rows["human_hardness"], 0, 1) == (1143, 0, 603)
    assert rows.groupby(["human_hardness", "subject"]).size().to_dict() == {
        (0, "biology"): 342,
        (0, "chemistry"): 225,
        (0, "computer_science"): 109,
        (0, "mathematics"): 299,
        (0, "physics"): 168,
        (1, "biology"): 160,
        (1, "chemistry"): 108,
        (1, "computer_science"): 111,
        (1, "mathematics"): 111,
        (1, "physics"): 113,
    }
    assert set(rows["choices"].map(len)) == {4}


def test_mmlu_items_whose_wrong_choices_repeat_are_kept() -> None:
    rows = load("mmlu_stem5")
    repeated = rows[rows["choices"].map(lambda choices: len(set(choices)) < 4)]
    assert repeated["item_id"].tolist() == [
        "high_school_physics/test/0099",
        "high_school_mathematics/validation/0003",
        "high_school_chemistry/test/0140",
    ]
    assert all(row.choices.count(row.answer_text) == 1 for row in repeated.itertuples())


# -- StrategyQA, sections 2.3 and 3.3 --------------------------------------------------------------------------------


def test_strategyqa_levels() -> None:
    rows = load("strategyqa")
    assert counts(rows["num_steps"]) == {1: 18, 2: 626, 3: 1219, 4: 342, 5: 85}
    assert levels(rows["num_steps"], 2, 4) == (644, 1219, 427)


def test_strategyqa_base_rates() -> None:
    rows = load("strategyqa")
    yes = rows["answer_text"] == "yes"
    assert round(100 * yes.mean(), 1) == 46.8
    assert round(100 * yes[rows["num_steps"] >= 4].mean(), 1) == 51.1
    assert set(map(tuple, rows["choices"])) == {("yes", "no")}


@pytest.mark.parametrize(
    ("text", "quantiles", "easy", "hard"), [("question", (8, 11), 869, 787), ("reasoning", (22, 34), 740, 726)]
)
def test_strategyqa_word_quantiles(text: str, quantiles: tuple[int, int], easy: int, hard: int) -> None:
    words = load("strategyqa")[text].str.split().map(len)
    assert tuple(np.quantile(words, [0.3, 0.7])) == quantiles
    assert (int((words <= quantiles[0]).sum()), int((words >= quantiles[1]).sum())) == (easy, hard)


# -- GSM8K, section 2.4 ----------------------------------------------------------------------------------------------


def test_gsm8k_steps_as_the_release_counts() -> None:
    rows = load("gsm8k", num_steps="lines")
    assert counts(rows["num_steps"]) == {2: 2286, 3: 2519, 4: 1958, 5: 1128, 6: 507, 7: 268, 8: 110, 9: 15, 10: 1}
    assert levels(published_pool(rows)["num_steps"], 4, 7) == (5979, 1470, 343)


def test_gsm8k_steps_as_the_paper_counts() -> None:
    rows = load("gsm8k")
    assert counts(rows["num_steps"]) == {3: 2286, 4: 2519, 5: 1958, 6: 1128, 7: 507, 8: 268, 9: 110, 10: 16}
    assert levels(published_pool(rows)["num_steps"], 4, 7) == (4256, 2739, 797)


def test_gsm8k_answer_lengths() -> None:
    chars = published_pool(load("gsm8k"))["answer_text"].map(len)
    assert tuple(np.quantile(chars, [0.3, 0.7])) == (2, 3)
    assert (int((chars <= 2).sum()), int((chars >= 3).sum())) == (5174, 2618)


def test_gsm8k_answers_with_comma_or_minus_can_be_right() -> None:
    rows = load("gsm8k")
    comma, minus = (rows[rows["answer_text"].str.contains(mark)]["answer_text"] for mark in ",-")
    assert (len(comma), len(minus)) == (93, 5)
    pool = published_pool(rows)["answer_text"]
    assert [int(pool.str.contains(mark).sum()) for mark in ",-"] == [80, 5]
    for gold in [*comma, *minus]:
        for written in (gold, gold.replace(",", ""), f"${gold}.00"):
            assert same_answer(extract_answer(f"So the answer is {written}.\nQuestion:"), gold)
        assert not same_answer(extract_answer(f"The answer is {gold}7"), gold)


def test_gsm8k_every_answer_can_be_right() -> None:
    for gold in load("gsm8k")["answer_text"]:
        assert same_answer(extract_answer(f"The answer is {gold}."), gold)


def test_gsm8k_reasoning_is_as_published() -> None:
    rows = load("gsm8k")
    assert (rows["choices"].map(len) == 0).all()
    assert rows["reasoning"].str.contains("<<").mean() > 0.9
    assert rows["reasoning"].str.contains("\n").any()
    assert not rows["reasoning"].str.contains("####").any()


# -- files and hub ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MODULES)
def test_hub_layout_gives_the_same_items(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real rows, laid out as the hub's repositories lay them out, read through `datasets` from a local folder."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.syspath_prepend(ROOT / "tests" / "unit")
    repository = _repository(kind, tmp_path / "repository")
    module = MODULES[kind]
    grades = {"annotations": DATA / "arc" / ai2_arc.ANNOTATIONS} if kind == "ai2_arc" else {}
    remote = module.load(module.Settings(hub_id=str(repository), revision="0" * 40, **grades))
    pd.testing.assert_frame_equal(remote, load(kind))


def _repository(kind: str, folder: Path) -> Path:
    from published_files import hub_repository, hub_splits

    module = MODULES[kind]
    files = {path.name: _raw(path) for path in module.Settings(folder=DATA / FOLDERS[kind]).files}
    return hub_repository(folder, hub_splits(kind, files))


def _raw(path: Path) -> list[object]:
    if path.suffix == ".csv":
        cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
        return cells.to_numpy().tolist()
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True, dtype=False).to_dict("records")
    return [] if path.name == ai2_arc.ANNOTATIONS else pd.read_json(path, dtype=False).to_dict("records")
