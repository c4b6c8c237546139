"""What is gained by the distance between levels, against least squares, another function and a grid that is known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from known_cells import answers

from uphill.figures.plots import gap
from uphill.schemas.tables import csv_table
from uphill.stats import gaps
from uphill.stats.conditions import Condition, condition
from uphill.stats.grid import Cells, by_gap, contrast, gain_cells
from uphill.stats.recovery import gap_recovered
from uphill.tables import reconcile
from uphill.tables.table import Analysis, Inputs

SIZE, PER_BIN = 4, 60
OWN = np.repeat(np.arange(SIZE), PER_BIN)


def made(boots: int, trained: bool, seed: int = 0) -> tuple[list[Condition], Condition, Cells]:
    rng = np.random.default_rng(seed)
    shape = (SIZE * PER_BIN, boots)
    conditions = [
        condition((rng.random(shape) < 0.8 - 0.12 * np.abs(OWN - row)[:, None]).astype(float), trained)
        for row in range(SIZE)
    ]
    none = condition((rng.random((SIZE * PER_BIN, 1)) < 0.4).astype(float), trained=False)
    return conditions, none, gain_cells(conditions, none, OWN)


def least_squares(values: Any, x: Any, group: Any) -> float:
    """The slope of a regression with a dummy for each group."""
    dummies = (np.asarray(group)[:, None] == np.unique(group)[None, :]).astype(float)
    return float(np.linalg.lstsq(np.column_stack([x, dummies]), values, rcond=None)[0][0])


@pytest.mark.parametrize("harder", [False, True])
def test_the_trend_by_width_is_least_squares_within_tested_levels(harder: bool) -> None:
    grid = made(4, trained=True)[2]
    cells = [(i, j) for i in range(SIZE) for j in range(SIZE) if (i >= j if harder else i <= j)]
    widths, tested = [abs(j - i) for i, j in cells], [j for _, j in cells]
    found = gaps.by_width(grid, harder)
    assert found is not None
    assert found.point == pytest.approx(least_squares([grid.point[cell] for cell in cells], widths, tested))
    assert found.low < found.point < found.high < 0  # as planted: a level further costs twelve points


def test_the_trend_by_position_is_least_squares_within_widths() -> None:
    grid = made(4, trained=True)[2]
    cells = [(i, j) for i in range(SIZE) for j in range(i + 1, SIZE)]
    short = [grid.point[j, j] - grid.point[i, j] for i, j in cells]
    found = gaps.by_position(grid)
    assert found is not None
    assert found.point == pytest.approx(
        least_squares(short, [(i + j) / 2 for i, j in cells], [j - i for i, j in cells])
    )
    assert found.low < 0 < found.high  # nothing of the kind was planted


def test_the_variance_of_a_contrast_is_that_of_its_items() -> None:
    conditions, none, grid = made(1, trained=False)
    weights = np.random.default_rng(1).normal(size=(SIZE, SIZE))
    _, found = contrast(grid, weights)
    variance = 0.0
    for column in range(SIZE):
        own = column == OWN
        gains = np.array([one.correct[own, 0] - none.correct[own, 0] for one in conditions])
        each = weights[:, column] @ gains
        variance += float(((each - each.mean()) ** 2).sum()) / PER_BIN**2
    items = SIZE * PER_BIN
    assert found.items == pytest.approx(variance * items / (items - 1))
    assert found.draws == 0.0


def test_one_cell_is_held_against_its_diagonal_as_two_conditions_are() -> None:
    conditions, none, grid = made(4, trained=True)
    chosen = np.zeros((SIZE, SIZE), dtype=bool)
    chosen[0, 3] = True
    found = gaps.carried(grid, chosen, margin=0.1)
    hard = OWN == 3
    alone = [Condition(one.correct[hard], one.trained) for one in (conditions[0], conditions[3], none)]
    expected = gap_recovered(*alone)
    assert found is not None
    assert (found.ratio, found.cells) == (pytest.approx(expected.point), 1)
    assert (found.gain.point, found.own.point) == (
        pytest.approx(expected.reached_floor.point),
        pytest.approx(expected.ceiling_floor.point),
    )
    # As many degrees of freedom fewer as there are items of other levels, which no weight is on.
    assert (found.short.low, found.short.high) == pytest.approx(
        (expected.ceiling_reached.low, expected.ceiling_reached.high), abs=2e-3
    )


def test_what_is_short_is_what_is_missing_and_the_diagonal_is_no_gap() -> None:
    grid = made(4, trained=True)[2]
    for width, chosen in by_gap(SIZE).items():
        if width == 0:
            with pytest.raises(ValueError, match="off the diagonal"):
                gaps.carried(grid, chosen, margin=0.1)
            continue
        found = gaps.carried(grid, chosen, margin=0.1)
        assert found is not None
        assert found.short.point == pytest.approx(found.own.point - found.gain.point)
        columns = np.flatnonzero(chosen.any(axis=0))
        assert found.own.point == pytest.approx(np.mean([grid.point[j, j] for j in columns]))
    assert gaps.carried(grid, np.zeros((SIZE, SIZE), dtype=bool), margin=0.1) is None


def test_two_levels_have_no_trend_by_position() -> None:
    two = OWN < 2
    conditions, none, _ = made(4, trained=True)
    small = [Condition(one.correct[two], one.trained) for one in (*conditions[:2], none)]
    grid = gain_cells(small[:2], small[2], OWN[two])
    assert gaps.by_position(grid) is None
    assert gaps.by_width(grid) is not None


BINS = ["bin_01", "bin_02", "bin_03", "bin_04"]
RIGHT = np.array([[160, 158, 100, 60], [150, 160, 156, 100], [100, 150, 160, 158], [60, 100, 150, 160]])
"""How many of 200 items of each bin (across) are right after training on each bin (down); 60 before. A level further
costs next to nothing, two levels cost 58 to 60 answers of 200."""


def inputs() -> Inputs:
    items = {name: [f"{name}.{number:03d}" for number in range(200)] for name in BINS}
    made = {"experiment": "cross_difficulty", "variable": "v"}
    parts = [answers(60, items[name], 1, method="zero_shot", train_on="none", n_train=0, **made) for name in BINS]
    for row, train_on in zip(RIGHT, BINS, strict=True):
        for right, name in zip(row, BINS, strict=True):
            parts.append(answers(int(right), items[name], train_on=train_on, n_train=8, **made))
    tested = [(name, item, "v") for name in BINS for item in items[name]]
    return Inputs(
        predictions=pd.concat(parts, ignore_index=True),
        tested=pd.DataFrame(tested, columns=["level", "item_id", "split"]).assign(dataset="d", variable="v", value=0.0),
        levels={("d", "v"): BINS},
        study=Analysis({"d": "zero_shot"}, draws=200, coverage=0.95, seed=0, margin=0.1),
        own={"splits": [["cross_difficulty", "d", "v", "v"]]},
    )


def table() -> pd.DataFrame:
    return reconcile.TABLES["gap"].reduce(inputs())


def test_the_table_says_where_easy_data_stops_being_enough() -> None:
    found = table()
    cells = found[found["statistic"] == "cell"].pivot(index="train_on", columns="test_on", values="gain")
    np.testing.assert_allclose(cells.loc[BINS, BINS].astype(float), (RIGHT - 60) / 200)
    widths = found[found["statistic"] == "width"].set_index("width")
    assert list(widths.index) == list(range(-3, 4))
    for width in range(-3, 4):
        row, own = widths.loc[width], np.diag(RIGHT, width)
        assert row["gain"] == pytest.approx((np.mean(own) - 60) / 200)
        assert (row["cells"], row["n_test"]) == (len(own), 200 * len(own))
    assert widths.loc[2, "sgr"] == pytest.approx((100 - 60) / (160 - 60))
    assert dict(widths["as_good"].dropna()) == {-3: "no", -2: "no", -1: "yes", 1: "yes", 2: "no", 3: "no"}
    assert (found["slope"].notna() == found["statistic"].str.startswith("trend")).all()


def test_order_of_rows_moves_nothing() -> None:
    whole = inputs()
    mixed = Inputs(
        **{**vars(whole), "predictions": whole.predictions.sample(frac=1, random_state=0, ignore_index=True)}
    )
    made = reconcile.TABLES["gap"]
    pd.testing.assert_frame_equal(made.reduce(whole), made.reduce(mixed))


def test_the_figure_has_a_line_where_it_stops() -> None:
    content = table().to_csv(index=False).encode()
    figure = gap.plot(csv_table(content, "gap"), inputs().levels)
    [axis] = figure.axes
    [stop] = [line for line in axis.lines if line.get_color() == gap.STOPS["color"]]
    assert list(stop.get_xdata()) == [1.5, 1.5]
    [mean] = [line for line in axis.lines if line.get_linewidth() == 2.0]
    np.testing.assert_allclose(mean.get_ydata(), [0.5, (472 / 3 - 60) / 200, 0.2, 0.0])
    assert list(axis.get_xticks()) == [0, 1, 2, 3]
