"""Whether scales of difficulty agree, and whether what is concluded depends on the scale."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from uphill.randomness import keyed_rng
from uphill.schemas.level_names import NO_LEVELS, extremes, in_order
from uphill.schemas.names import UNSUPERVISED
from uphill.stats.ranks import spearman
from uphill.stats.recovery import GapRecovered, gap_recovered
from uphill.stats.scales import compared
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.slices import apart
from uphill.tables.table import Inputs

PAIR = ("dataset", "variable_a", "variable_b")
AGREEMENT = [
    *(*PAIR, "n_items", *columns("rho"), "reliability_a", "reliability_b", *columns("corrected")),
]
WAY = [name for name in CONDITION if name not in ("dataset", "variable", "train_on")]
RESULT = ["model", "method", "cot", "k", "n_train"]
DEPENDS = [
    *(*PAIR, "experiment_a", "experiment_b", *RESULT, "test_on", "n_test"),
    *(f"{name}_{side}" for side in "ab" for name in ("easy", "hard")),
    *(column for side in "ab" for column in (*columns(f"short_{side}"), *columns(f"sgr_{side}"), f"status_{side}")),
    *(*columns("difference", True), "margin", "depends", "depends_p", "source"),
]


def agreement_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a pair of scales of a dataset: their rank correlation over tested items, and without their own errors."""
    found = [row for dataset in inputs.tested["dataset"].unique() for row in _agree(str(dataset), inputs)]
    return pd.DataFrame(found, columns=AGREEMENT)


def _agree(dataset: str, inputs: Inputs) -> Iterator[dict[str, Any]]:
    assert inputs.hardness is not None, "the table reads it"
    tested = inputs.tested[inputs.tested["dataset"] == dataset]
    rows = inputs.hardness[(inputs.hardness["dataset"] == dataset) & inputs.hardness["item_id"].isin(tested["item_id"])]
    values = rows.pivot(index="item_id", columns="variable", values="value").sort_index()
    for a, b in itertools.combinations(tested["variable"].unique(), 2):
        both = values[[a, b]].dropna()
        rng = keyed_rng("scales", dataset, str(a), str(b), inputs.study.seed)
        rho = spearman(both[a], both[b], rng, inputs.study.draws, inputs.study.coverage)
        reliable = [inputs.reliability.get((dataset, str(one)), math.nan) for one in (a, b)]
        known = [one for one in reliable if not math.isnan(one)]
        shrunk = math.sqrt(math.prod(known)) if known and min(known) > 0 else math.nan
        yield {
            **dict(zip(PAIR, (dataset, a, b), strict=True)),
            "n_items": len(both),
            **_numbers("rho", rho.point, rho.low, rho.high),
            "reliability_a": reliable[0],
            "reliability_b": reliable[1],
            **(_numbers("corrected", rho.point / shrunk, rho.low / shrunk, rho.high / shrunk) if shrunk > 0 else {}),
        }


def _numbers(name: str, point: float, low: float, high: float) -> dict[str, float]:
    return dict(zip(columns(name), (point, low, high), strict=True))


@dataclass(frozen=True)
class Scaled:
    """A way to train on the easiest and on the hardest level of a scale.

    Attributes:
        easy, hard: names of these levels.
        rows: predictions, by train level; none for no supervision.
        hardest: test items of the hardest level that is tested.
    """

    experiment: str
    variable: str
    easy: str
    hard: str
    rows: Mapping[str, pd.DataFrame]
    hardest: frozenset[str]


def depends_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a pair of scales and a way to train that both have, on items that are hard by both and tested by both."""
    found: dict[tuple[Any, ...], list[Scaled]] = {}
    for experiment, one in apart(inputs):
        for key, scaled in _scaled(experiment, one):
            found.setdefault(key, []).append(scaled)
    rows = [
        {**dict(zip(["dataset", *WAY], key, strict=True)), **row}
        for key, several in sorted(found.items())
        for a, b in itertools.combinations(several, 2)
        if a.variable != b.variable and (row := _held(a, b, str(key[0]), inputs))
    ]
    return pd.DataFrame(rows, columns=DEPENDS)


def _scaled(experiment: str, inputs: Inputs) -> Iterator[tuple[tuple[Any, ...], Scaled]]:
    if inputs.predictions.empty or inputs.tested.empty:
        return
    dataset, variable = (str(inputs.tested[name].iloc[0]) for name in ("dataset", "variable"))
    order = inputs.levels[dataset, variable]
    last = in_order(inputs.tested["level"].astype(str), order)[-1]
    hardest = frozenset(inputs.tested.loc[inputs.tested["level"] == last, "item_id"])
    rows = inputs.predictions[inputs.predictions["item_id"].isin(hardest)]
    untrained = rows[rows["method"] == inputs.study.unsupervised[dataset]]
    for key, own in rows[~rows["train_on"].isin(NO_LEVELS)].groupby(WAY, sort=True):
        easy, hard = extremes(own["train_on"].astype(str), order)
        none = untrained[untrained["model"] == own["model"].iloc[0]]
        if easy is None or hard is None or none.empty:
            continue
        by_level = {name: own[own["train_on"] == name] for name in (easy, hard)}
        yield (dataset, *key), Scaled(experiment, variable, easy, hard, {**by_level, UNSUPERVISED: none}, hardest)


def _held(a: Scaled, b: Scaled, dataset: str, inputs: Inputs) -> dict[str, Any] | None:
    """The columns of a pair; None where no item is hard by both."""
    items, study = sorted(a.hardest & b.hardest), inputs.study
    if not items:
        return None
    clusters = study.clusters.get(dataset)
    sides = []
    for one in (a, b):
        kept = {name: rows[rows["item_id"].isin(items)] for name, rows in one.rows.items()}
        if any(rows.empty for rows in kept.values()):
            return None
        sides.append([answered(kept[name], items, clusters) for name in (one.easy, one.hard, UNSUPERVISED)])
    (easy_a, hard_a, none_a), (easy_b, hard_b, none_b) = sides
    found = compared((easy_a, hard_a), (easy_b, hard_b), study.margin, study.coverage)
    ratios = {
        "a": gap_recovered(easy_a, hard_a, none_a, study.coverage),
        "b": gap_recovered(easy_b, hard_b, none_b, study.coverage),
    }
    return {
        **{"variable_a": a.variable, "variable_b": b.variable},
        **{"experiment_a": a.experiment, "experiment_b": b.experiment},
        **{"easy_a": a.easy, "hard_a": a.hard, "easy_b": b.easy, "hard_b": b.hard},
        **{"test_on": "hard by both", "n_test": len(items)},
        **{name: value for side, ratio in ratios.items() for name, value in _side(side, ratio).items()},
        **estimates(difference=found.difference),
        **{"margin": study.margin, "depends": found.depends, "depends_p": found.alike_p},
        "source": a.rows[a.easy]["source"].iloc[0],
    }


def _side(side: str, ratio: GapRecovered) -> dict[str, Any]:
    short, known = ratio.ceiling_reached, ratio.ratios.kind == "interval"
    bounds = (ratio.ratios.low, ratio.ratios.high) if known else (math.nan, math.nan)
    return {
        **_numbers(f"short_{side}", short.point, short.low, short.high),
        **_numbers(f"sgr_{side}", ratio.point, *bounds),
        f"status_{side}": ratio.status,
    }
