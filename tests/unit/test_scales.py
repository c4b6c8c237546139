"""Whether scales agree, and whether a conclusion depends on them: by another library, and where it is planted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from known_cells import answers
from scipy import stats

from uphill.engine.passes import ResponseTable
from uphill.hardness import human, irt, mdl_zero_shot, surface
from uphill.hardness.data import Graded, HardnessData, Responded
from uphill.hardness.levels import levelled
from uphill.schemas.files import write
from uphill.schemas.measures import MEASURE
from uphill.stats.conditions import Condition, condition
from uphill.stats.scales import compared
from uphill.tables import reconcile
from uphill.tables.reliability import read_reliability
from uphill.tables.table import Analysis, Inputs

ITEMS, MARGIN = 300, 0.1


def alone(right: float, seed: int) -> Condition:
    rng = np.random.default_rng(seed)
    return condition((rng.random((ITEMS, 1)) < right).astype(float), trained=False)


@pytest.mark.parametrize(
    "accuracies", [(0.6, 0.62, 0.6, 0.6), (0.3, 0.7, 0.6, 0.6), (0.6, 0.6, 0.2, 0.8), (0.02, 0.98, 0.97, 0.03)]
)
def test_the_difference_of_differences_is_a_paired_test(accuracies: tuple[float, ...]) -> None:
    easy_a, hard_a, easy_b, hard_b = (alone(right, seed) for seed, right in enumerate(accuracies))
    found = compared((easy_a, hard_a), (easy_b, hard_b), MARGIN)
    each = (hard_a.correct - easy_a.correct - hard_b.correct + easy_b.correct)[:, 0]
    assert found.difference.point == pytest.approx(each.mean())
    tested = stats.ttest_1samp(each, 0.0)
    assert found.difference.p_value == pytest.approx(tested.pvalue)
    # The last lies beyond 1, as no single difference does.
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(tested.confidence_interval()))
    above = stats.ttest_1samp(each, -MARGIN, alternative="greater").pvalue
    below = stats.ttest_1samp(each, MARGIN, alternative="less").pvalue
    assert found.alike_p == pytest.approx(max(above, below))
    more = min(stats.ttest_1samp(each, -MARGIN, alternative="less").pvalue, 1 - below)
    assert (found.depends == "yes") == (more < 0.05)
    assert (found.depends == "no") == (max(above, below) < 0.05)


NAMES = [f"i{number:03d}" for number in range(ITEMS)]
HARD = {"a": NAMES[:200], "b": NAMES[100:]}
"""Hard items by each scale; 100 are hard by both."""


def slice_of(variable: str, easy: int, hard: int, method: str = "probe") -> list[pd.DataFrame]:
    """So many of the 100 items that are hard by both scales are right after training, 30 before; no others are."""
    both = NAMES[100:200]
    more = {"experiment": "population", "variable": variable, "method": method, "n_train": 8}
    rest = [name for name in HARD[variable] if name not in both]
    found = []
    for level, right in (("easy", easy), ("hard", hard)):
        found.append(answers(right, both, train_on=level, **more))
        found.append(answers(0, rest, train_on=level, **more))
    return found


def inputs(**changes: Any) -> Inputs:
    parts = [
        *slice_of("a", 80, 80),
        *slice_of("b", 40, 80),
        *slice_of("a", 80, 80, "icl"),
        *slice_of("b", 80, 80, "icl"),
    ]
    for variable, items in HARD.items():
        none = {"method": "zero_shot", "train_on": "none", "n_train": 0}
        parts.append(answers(30, items, 1, experiment="population", variable=variable, **none))
    tested = [(variable, item, "hard") for variable, items in HARD.items() for item in items]
    tested += [(variable, f"{variable}.easy", "easy") for variable in HARD]
    rng = np.random.default_rng(0)
    values = rng.normal(size=ITEMS)
    scales = {"a": values + rng.normal(size=ITEMS), "b": values}
    hardness = [
        pd.DataFrame({"item_id": NAMES, "variable": name, "value": own, "dataset": "d"}) for name, own in scales.items()
    ]
    given = {
        "predictions": pd.concat(parts, ignore_index=True),
        "tested": pd.DataFrame(tested, columns=["variable", "item_id", "level"]).assign(
            dataset="d", split=lambda rows: rows["variable"], value=0.0
        ),
        "levels": {("d", name): ("easy", "hard") for name in HARD},
        "study": Analysis({"d": "zero_shot"}, draws=500, coverage=0.95, seed=0, margin=MARGIN),
        "own": {"splits": [["population", "d", name, name] for name in HARD]},
        "hardness": pd.concat(hardness, ignore_index=True),
        "reliability": {("d", "a"): 0.5, ("d", "b"): float("nan")},
    }
    return Inputs(**{**given, **changes})


def test_a_correlation_is_corrected_by_what_is_known_of_the_scales() -> None:
    [row] = reconcile.TABLES["scales"].reduce(inputs()).to_dict("records")
    wide = inputs().hardness
    assert wide is not None
    values = wide.pivot(index="item_id", columns="variable", values="value")
    rho = stats.spearmanr(values["a"], values["b"]).statistic
    assert (row["variable_a"], row["variable_b"], row["n_items"]) == ("a", "b", ITEMS)
    assert row["rho"] == pytest.approx(rho)
    assert row["rho_low"] < rho < row["rho_high"]
    # The noise is half of the first scale's variance, and the second has none: without it the two are one.
    assert row["corrected"] == pytest.approx(rho / np.sqrt(0.5))
    assert row["corrected_low"] < 1 < row["corrected_high"]
    both = inputs(reliability={("d", "a"): 0.5, ("d", "b"): 0.8})
    assert reconcile.TABLES["scales"].reduce(both)["corrected"].item() == pytest.approx(rho / np.sqrt(0.4))


@pytest.mark.parametrize("reliability", [{}, {("d", "a"): -0.2}, {("d", "a"): 0.0}])
def test_nothing_is_corrected_by_what_is_not_known(reliability: dict[tuple[str, str], float]) -> None:
    assert reconcile.TABLES["scales"].reduce(inputs(reliability=reliability))["corrected"].isna().all()


def test_a_conclusion_that_depends_on_the_scale_is_found_on_the_shared_items() -> None:
    rows = reconcile.TABLES["scale_sgr"].reduce(inputs()).set_index("method")
    assert len(rows) == 2
    assert set(rows["n_test"]) == {100}
    assert dict(rows["depends"]) == {"icl": "no", "probe": "yes"}
    planted = rows.loc["probe"]
    assert (planted["short_a"], planted["short_b"]) == (pytest.approx(0.0), pytest.approx(0.4))
    assert planted["difference"] == pytest.approx(-0.4)


def test_order_of_rows_moves_nothing() -> None:
    whole = inputs()
    assert whole.hardness is not None
    mixed = inputs(
        predictions=whole.predictions.sample(frac=1, random_state=0, ignore_index=True),
        hardness=whole.hardness.sample(frac=1, random_state=0, ignore_index=True),
    )
    for name in ("scales", "scale_sgr"):
        made = reconcile.TABLES[name]
        pd.testing.assert_frame_equal(made.reduce(whole), made.reduce(mixed))


def test_scales_without_a_common_hard_item_are_not_compared() -> None:
    tested = inputs().tested
    apart = tested[~((tested["variable"] == "b") & tested["item_id"].isin(HARD["a"]))]
    assert reconcile.TABLES["scale_sgr"].reduce(inputs(tested=apart)).empty


def measured(folder: Path) -> dict[str, pd.DataFrame]:
    """Rows of scales of four kinds of one set of items, each by its own measure."""
    rng = np.random.default_rng(2)
    steps = rng.integers(1, 9, size=120)
    items = pd.DataFrame(
        {
            "question": ["word " * count for count in rng.integers(5, 30, size=120)],
            "answer_text": "7",
            "answer_idx": 0,
            "reasoning": "",
            "pool": "experiment",
            "steps": steps,
        },
        index=pd.Index([f"i{number:03d}" for number in range(120)], name="item_id"),
    )
    right = rng.random((120, 30)) < 1 / (1 + np.exp(0.5 * (steps[:, None] - 4.5) - rng.normal(size=30)))
    matrix = pd.DataFrame(right.astype(int), index=items.index, columns=[f"m{model}" for model in range(30)])
    # In another order, so that a join by position would be seen.
    matrix.sample(frac=1, random_state=0).to_csv(folder / "answers.csv")
    exists = np.ones((120, 2), dtype=bool)
    states = np.zeros((120, 2, 0), np.float16)
    said = ResponseTable(list(items.index[::-1]), rng.normal(size=(120, 2)), exists.astype(int), exists, states)
    data = HardnessData(Graded("d", ("steps",), False, 0), items, 0)
    return {
        "steps": human.measure("human", human.Settings(), data),
        "question_num_words": surface.measure("surface", surface.Settings(), data),
        "mdl": mdl_zero_shot.measure("mdl", mdl_zero_shot.Settings(), Responded(**vars(data), responses=said)),
        "rasch": irt.measure("rasch", irt.Settings(dataset="d", path=folder / "answers.csv"), data),
    }


def test_scales_of_four_kinds_are_correlated_item_by_item(tmp_path: Path) -> None:
    """Irt, MDL, human and surface: what scipy says of the columns of two measures, joined by item."""
    made, paths = measured(tmp_path), {}
    for name, rows in made.items():
        path = str(tmp_path / f"{name}.parquet")
        write(rows, path, MEASURE, {"id": name, "settings": {"dataset": {"name": "d"}}})
        paths[path] = name
    items = pd.DataFrame({"item_id": made["steps"]["item_id"], "pool": "experiment"})
    tested = pd.concat([items.assign(variable=name, dataset="d", level="x", value=0.0, split=name) for name in made])
    hardness = levelled(paths, items, {}, 0).assign(dataset="d")
    table = reconcile.TABLES["scales"].reduce(
        inputs(tested=tested, hardness=hardness, reliability=read_reliability(paths))
    )
    assert len(table) == 6
    for row in table.to_dict("records"):
        a, b = (made[name][made[name]["variable"] == name] for name in (row["variable_a"], row["variable_b"]))
        both = a.merge(b, on="item_id", validate="1:1")
        assert row["n_items"] == len(both) == 120
        assert row["rho"] == pytest.approx(stats.spearmanr(both["value_x"], both["value_y"]).statistic)
    found = table.set_index(["variable_a", "variable_b"])["rho"]
    assert found["steps", "rasch"] > 0.6 > abs(found["question_num_words", "rasch"])
    known = table[["variable_a", "variable_b"]].eq("rasch").any(axis=1)
    assert table.loc[known, "corrected"].notna().all()
    assert table.loc[~known, "corrected"].isna().all()


def test_reliability_is_that_of_the_respondents_or_of_the_mean_over_models(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=500)

    def made(name: str, values: Any, **more: Any) -> str:
        rows = pd.DataFrame(
            {"item_id": [f"i{n}" for n in range(500)], "variable": name, "value": values, "kind": "model"}
        )
        path = str(tmp_path / f"{name}{len(list(tmp_path.iterdir()))}.parquet")
        write(rows.assign(**more), path, MEASURE, {"id": path, "settings": {"dataset": {"name": "d"}}})
        return path

    paths = [made("mdl", true + rng.normal(size=500)) for _ in range(4)]
    paths += [made("irt", true, reliability=0.83), made("human", true)]
    found = read_reliability({path: path for path in paths})
    assert found["d", "irt"] == pytest.approx(0.83)
    assert np.isnan(found["d", "human"])
    # Of four, each half noise: 4 / (4 + 1) of the variance of the mean is not noise.
    assert found["d", "mdl"] == pytest.approx(0.8, abs=0.03)
