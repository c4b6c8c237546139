"""A panel's cells: their draws replayed one by one, and their independence of the other cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.stats import bootstrap
from uphill.stats.paired import accuracy, bootstrap_accuracy, difference
from uphill.stats.panel import PanelCell, bootstrap_panel

Matrix = npt.NDArray[np.float64]
SEEDS = st.integers(0, 2**32 - 1)


def simulated(seed: int, items: int, boots: int, mean: float = 0.7, untested: float = 0.0) -> Matrix:
    rng = np.random.default_rng(seed)
    matrix = (rng.random((items, boots)) < mean).astype(np.float64)
    matrix[rng.random((items, boots)) < untested] = np.nan
    return matrix


def panel(untested: float = 0.1, items: int = 60) -> dict[str, Matrix]:
    return {
        "none": simulated(1, items, 1, 0.5),
        "easy": simulated(2, items, 5, 0.7),
        "hard": simulated(3, items, 5, 0.8, untested),
        "probe": simulated(4, items, 3, 0.75, untested),
    }


def found(conditions: dict[str, Matrix], baseline: str | None = "none", draws: int = 300) -> dict[str, PanelCell]:
    return bootstrap_panel(conditions, baseline, np.random.default_rng(7), draws)


def test_every_draw_is_the_accuracy_of_the_resampled_matrix() -> None:
    """The scheme, replayed: items from the panel's generator, boots from one of the condition's own."""
    draws, conditions = 60, panel()
    replay = np.random.default_rng(7)
    key = replay.integers(2**32, size=4).tolist()
    rows = replay.integers(0, 60, (draws, 60))
    samples = {}
    for name, matrix in conditions.items():
        own = np.random.default_rng(np.random.SeedSequence(key, spawn_key=tuple(name.encode())))
        boots = own.integers(0, matrix.shape[1], (draws, matrix.shape[1]))
        samples[name] = np.array([accuracy(matrix[rows[i]][:, boots[i]]) for i in range(draws)])
    cells = bootstrap_panel(conditions, "none", np.random.default_rng(7), draws, coverage=0.8)
    for name, cell in cells.items():
        assert cell.accuracy.point == accuracy(conditions[name])
        assert (cell.accuracy.low, cell.accuracy.high) == pytest.approx(np.quantile(samples[name], [0.1, 0.9]))
        if name == "none":
            continue
        assert cell.gain is not None
        gains = samples[name] - samples["none"]
        point = accuracy(conditions[name]) - accuracy(conditions["none"])
        assert (cell.gain.low, cell.gain.high) == pytest.approx(np.quantile(gains, [0.1, 0.9]))
        assert cell.gain.point == pytest.approx(point)
        assert cell.gain.p_value == np.mean(np.abs(gains - gains.mean()) >= abs(point) - 1e-12)


@given(
    st.sets(st.sampled_from(["easy", "hard", "probe"]), min_size=1), st.permutations(["none", "easy", "hard", "probe"])
)
def test_a_condition_depends_neither_on_the_others_nor_on_their_order(kept: set[str], order: list[str]) -> None:
    whole = found(panel(), draws=50)
    some = found({name: panel()[name] for name in order if name in kept | {"none"}}, draws=50)
    assert list(some) == [name for name in order if name in kept | {"none"}]
    assert all(cell == whole[name] for name, cell in some.items())


def test_the_choice_of_a_baseline_moves_no_accuracy() -> None:
    without, other = found(panel(), None), found(panel(), "easy")
    for name, cell in found(panel()).items():
        assert cell.accuracy == without[name].accuracy == other[name].accuracy
    assert all(cell.gain is None for cell in without.values())
    assert [name for name, cell in other.items() if cell.gain is None] == ["easy"]


def test_boots_hang_on_the_name() -> None:
    """Two names of the same results: same accuracy, different draws of the boots; with one boot, the same draws."""
    results = np.tile([1.0, 1.0, 1.0, 0.0, 1.0], (40, 1))
    twice = found({"none": results[:, :1], "a": results, "b": results})
    assert twice["a"].accuracy.point == twice["b"].accuracy.point
    one = simulated(5, 40, 1)
    single = found({"none": one, "a": one})
    assert single["a"].accuracy == single["none"].accuracy
    gain = single["a"].gain
    assert gain is not None
    assert (gain.point, gain.low, gain.high, gain.p_value) == (0.0, 0.0, 0.0, 1.0)
    both = found({"a": results, "b": results}, "a", draws=1)["b"].gain
    assert both is not None
    assert both.low != 0.0


def test_agrees_with_one_condition_at_a_time() -> None:
    """Same scheme, other draws: bounds differ by Monte Carlo error (four of a .025 quantile's, see density .0584)."""
    draws, conditions = 4000, panel(items=200)
    cells = found(conditions, draws=draws)
    for name in ("easy", "hard", "probe"):
        single = bootstrap_accuracy(conditions[name], np.random.default_rng(8), draws)
        paired = difference(conditions["none"], conditions[name], np.random.default_rng(9), draws)
        gain = cells[name].gain
        assert gain is not None
        for ours, reference in ((cells[name].accuracy, single), (gain, paired)):
            deviation = (reference.high - reference.low) / 3.92
            tolerance = 4 * np.sqrt(2) * np.sqrt(0.025 * 0.975 / draws) / 0.0584 * deviation
            assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=tolerance)


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = found(panel())
    monkeypatch.setattr(bootstrap, "CHUNK_CELLS", 100)
    assert found(panel()) == whole


@given(SEEDS, st.integers(1, 12), st.integers(1, 4), st.floats(0, 0.6))
def test_intervals_are_ordered_and_within_range(seed: int, items: int, boots: int, untested: float) -> None:
    matrix = simulated(seed, items, boots, untested=untested)
    matrix[0, 0] = 1.0
    cells = found({"none": simulated(0, items, 1), "a": matrix}, draws=40)
    cell = cells["a"]
    assert cell.gain is not None
    assert 0.0 <= cell.accuracy.low <= cell.accuracy.high <= 1.0
    assert -1.0 <= cell.gain.low <= cell.gain.high <= 1.0
    assert 0.0 <= cell.gain.p_value <= 1.0


def test_unusable_panels_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="baseline 'x' is none of"):
        bootstrap_panel({"a": np.ones((3, 1))}, "x", rng)
    with pytest.raises(ValueError, match="same items"):
        bootstrap_panel({"a": np.ones((3, 1)), "b": np.ones((4, 1))}, None, rng)
    with pytest.raises(ValueError, match="no condition"):
        bootstrap_panel({}, None, rng)
    with pytest.raises(ValueError, match="draws"):
        bootstrap_panel({"a": np.ones((3, 1))}, None, rng, draws=0)
