"""Items that models get wrong the more often, the more they get right: flagged, told of, and left out where asked."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from split_pools import OWN_POOLS

from uphill.errors import UphillError
from uphill.hardness import irt
from uphill.hardness.answer_matrix import read_matrix
from uphill.hardness.bins import number_of_bin
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.item_checks import item_rest
from uphill.hardness.levels import Cuts, add_levels
from uphill.running import noting
from uphill.splits.levels import experiment_levels

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
MMLU_PRO = DATA / "mmlu_pro" / "mmlu_pro_item_by_model.csv"
BROKEN = ("i03", "i11")


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    """Sixty models of growing ability on twenty items of growing difficulty, two of which have a wrong key."""
    rng = np.random.default_rng(0)
    ids = [f"i{number:02d}" for number in range(20)]
    ability, difficulty = np.linspace(-2, 2, 60), np.linspace(-1.5, 1.5, 20)[:, None]
    frame = pd.DataFrame((rng.random((20, 60)) < 1 / (1 + np.exp(difficulty - ability))).astype(int), index=ids)
    frame.loc[list(BROKEN)] = 1 - frame.loc[list(BROKEN)]
    frame.columns = [f"m{number}" for number in range(60)]
    path = tmp_path / "answers.csv"
    frame.rename_axis("item_id").to_csv(path)
    return path


def items() -> HardnessData:
    ids = pd.Index([f"i{number:02d}" for number in range(20)], name="item_id")
    return HardnessData(Graded("d", (), False, 0), pd.DataFrame({"pool": "experiment"}, index=ids), 0)


def measured(path: Path, leave_out: bool) -> pd.DataFrame:
    settings = irt.Settings(dataset="d", path=path, bins=4, leave_out_broken=leave_out)
    return irt.measure("rasch", settings, items())


def test_they_are_flagged_and_told_of(matrix: Path) -> None:
    noting.forget()
    rows = measured(matrix, leave_out=False).set_index("item_id")
    told = "".join(noting.noted())
    noting.forget()
    assert sorted(rows.index[rows["item_rest"] < 0]) == list(BROKEN)
    assert len(rows) == 20
    assert "10 % of the items, and" in told
    assert rows["p_bin"].between(0, 1).all()


def test_left_out_they_are_of_no_level_and_the_others_are_cut_anew(matrix: Path) -> None:
    rows = measured(matrix, leave_out=True)
    assert not set(BROKEN) & set(rows["item_id"])
    table = items().items.reset_index()
    levels = add_levels(rows[["item_id", "variable", "value", "kind"]], items().items, {"rasch": Cuts(bins=3)}, 0)
    assert sorted(levels["level"].value_counts()) == [6, 6, 6]
    cut = {f"bin_0{n}": {"variable": "rasch", "levels": [f"bin_0{n}"], "min": None, "max": None} for n in (1, 2, 3)}
    graded = experiment_levels(table, levels, cut, OWN_POOLS)
    assert len(graded) == 18
    assert not set(BROKEN) & set(graded.index)


def test_a_scale_of_broken_items_alone_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": ["i00", "i01"], **{f"m{n}": [n % 2, 1 - n % 2] for n in range(6)}})
    path = tmp_path / "answers.csv"
    frame.to_csv(path, index=False)
    data = HardnessData(Graded("d", (), False, 0), items().items.iloc[:2], 0)
    settings = irt.Settings(dataset="d", path=path, leave_out_broken=True)
    with pytest.raises(UphillError, match="every item has a negative item-rest correlation"):
        irt.measure("rasch", settings, data)


@pytest.mark.skipif(not MMLU_PRO.exists(), reason="published answers are not on this machine")
def test_mmlu_pro_has_as_many_as_was_reported() -> None:
    """A tenth of all items, and a third of the hardest decile by the two-parameter model."""
    answers = read_matrix(MMLU_PRO, "question_id", ["category", "src"])
    negative = pd.Series(item_rest(answers.answers) < 0, index=answers.item_ids)
    assert negative.mean() == pytest.approx(0.10, abs=0.015)
    settings = irt.Settings(dataset="d", path=MMLU_PRO, model="2pl")
    table = irt.calibrate(settings, answers)
    decile = number_of_bin(table["difficulty"], table.index, 10, "2pl", 0)
    assert negative[decile == 10].mean() == pytest.approx(0.34, abs=0.03)
