"""What models that are trained on labels make of them: performance gap recovered, by student and test level."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from uphill.experiments.students import CEILING, ROLES, UNTRAINED, WEAK, WEAK_GOLD
from uphill.schemas.level_names import Levels
from uphill.stats.agreement import error_consistency
from uphill.stats.conditions import Condition
from uphill.stats.estimates import accuracy_interval, difference
from uphill.stats.recovery import gap_recovered
from uphill.tables.accuracy import by_level, reading
from uphill.tables.alike import CAPA, same_answers
from uphill.tables.estimates import columns, estimates
from uphill.tables.layouts import gaps_on_hardest, recovered, with_tested
from uphill.tables.predictions import answered
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import WideLayout

STUDENT = "student"
GOLD_PGR = ("gold_pgr", "gold_pgr_low", "gold_pgr_high", "gold_pgr_status")
COLUMNS: Sequence[str] = [
    *("dataset", "variable", "test_on", "method", "labels", "weak", "student", "ceiling", "seeds", "n_test"),
    *(column for role in (STUDENT, *ROLES) for column in columns(f"{role}_accuracy")),
    *("parsed_accuracy", "parse_rate", "ended_rate", "em", "f1"),
    *(*columns("gain", compared=True), *columns("pgr"), "pgr_p", "pgr_set", "status", *GOLD_PGR),
    *("agreement", "error_kappa", *CAPA, "source"),
]
ROWS = ("dataset", "variable", "weak", "ceiling", "labels")


def student_rows(inputs: Inputs) -> pd.DataFrame:
    """One row per row of the config, student and group of test items.

    PGR = (student - weak) / (ceiling - weak) on the same test items, paired over items and, where there are several,
    over the seeds of the trainings; strict accuracies, in which a text without an answer is wrong (Burns et al. 2023,
    section 3). `weak` is the very model that gave the labels; `gold_pgr` puts the weak model that was trained on right
    answers in its place, of whose labels nobody learned. `gain` is what the student has over its base untrained. `em`
    and `f1` are those of open questions, for graders that give F1. `agreement` is the share of test items where student
    and weak model are both right or both wrong, and `error_kappa` what of it is beyond chance (Geirhos et al. 2020);
    `capa` and `capa_choice`, where choices are scored, whether they give the same answers (Goel et al. 2025).
    """
    groups = by_level(inputs.tested, inputs.levels)
    found = [row for one in inputs.own["rows"] for row in _rows(one, groups, inputs)]
    return pd.DataFrame(found, columns=COLUMNS)


def _rows(asked: Mapping[str, Any], groups: pd.DataFrame, inputs: Inputs) -> Iterator[dict[str, Any]]:
    dataset, variable = asked["dataset"], asked["variable"]
    own = groups[(groups["dataset"] == dataset) & (groups["variable"] == variable)]
    answers = inputs.predictions
    for name in ("dataset", "variable", "method"):
        answers = answers[answers[name] == asked[name]]
    roles: Mapping[str, list[str]] = asked["roles"]
    for test_on, members in own.groupby("test_on", sort=False, observed=True):
        items = sorted(set(members["item_id"]))
        tested = answers[answers["item_id"].isin(set(items))]
        if tested.empty:
            continue
        clusters = inputs.study.clusters.get(dataset)
        others = {role: _answers(tested, roles[role], items, clusters) for role in ROLES if roles[role]}
        for labels in (name for name in roles if name not in ROLES):
            student = _answers(tested, roles[labels], items, clusters)
            rows = tested[tested["model"].isin(roles[labels])]
            yield {
                **{"dataset": dataset, "variable": variable, "test_on": test_on, "method": asked["method"]},
                **{"labels": labels, "weak": roles[WEAK][0], "student": roles[labels][0], "ceiling": roles[CEILING][0]},
                **{"seeds": len(roles[labels]), "n_test": len(items)},
                **reading(rows),
                **_open(rows),
                **_measured({STUDENT: student, **others}, inputs.study.coverage),
                **same_answers(_by_seed(tested, roles[labels]), _by_seed(tested, roles[WEAK])),
                "source": rows["source"].iloc[0],
            }


def _answers(
    tested: pd.DataFrame, models: Sequence[str], items: list[str], clusters: Mapping[str, str] | None
) -> Condition:
    """The answers of models that differ in their seed, a column each; one alone is taken as it is."""
    return replace(answered(_by_seed(tested, models), items, clusters), trained=len(models) > 1)


def _by_seed(tested: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Answers of some models, of which each is a boot."""
    seeds = {model: number for number, model in enumerate(models)}
    own = tested[tested["model"].isin(seeds)]
    return own.assign(boot=own["model"].map(seeds))


def _measured(roles: Mapping[str, Condition], coverage: float) -> dict[str, Any]:
    """Accuracies with their intervals, the gap recovered, and how far student and weak model err together."""
    student, weak, ceiling = roles[STUDENT], roles[WEAK], roles[CEILING]
    accuracies = {f"{role}_accuracy": accuracy_interval(own, coverage) for role, own in roles.items()}
    gain = {"gain": difference(roles[UNTRAINED], student, coverage)} if UNTRAINED in roles else {}
    found, alike = gap_recovered(student, ceiling, weak, coverage), error_consistency(student.correct, weak.correct)
    row = {
        **estimates(**accuracies, **gain),
        "pgr_set": str(found.ratios),
        "status": found.status,
        "agreement": alike.observed,
        "error_kappa": alike.kappa,
    }
    if found.status == "defined":
        row |= {"pgr": found.point, "pgr_low": found.ratios.low, "pgr_high": found.ratios.high}
        row |= {"pgr_p": found.p_value}
    if WEAK_GOLD in roles:
        gold = gap_recovered(student, ceiling, roles[WEAK_GOLD], coverage)
        row["gold_pgr_status"] = gold.status
        if gold.status == "defined":
            row |= dict(zip(GOLD_PGR[:3], (gold.point, gold.ratios.low, gold.ratios.high), strict=True))
    return row


def _open(rows: pd.DataFrame) -> dict[str, float]:
    """Exact match and F1 of open questions, means over seeds; nothing where no grader gives F1."""
    if rows["f1"].isna().all():
        return {}
    return {"em": float(rows["correct"].astype(float).mean()), "f1": float(np.mean(rows["f1"].astype(float)))}


def _printed(table: pd.DataFrame, _: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    return with_tested(gaps_on_hardest(table, levels), ROWS)


TABLES = {
    "students": Table(
        student_rows,
        "Students: performance gap recovered by models that are trained on labels",
        "PGR = (student - weak) / (ceiling - weak), of strict accuracies on the same test items: 1 where the labels "
        "serve as well as right answers, 0 where the student is no better than the model that gave them. There is none "
        "where the ceiling cannot be told from the weak model or lies below it. `gold_pgr` is held against the weak "
        "model that was trained on right answers. Models of several seeds are draws of the training; one alone is "
        f"taken as it is. {INTERVAL}",
        WideLayout(
            ROWS,
            recovered(),
            _printed,
            incidental=("variable",),
        ),
        reads_shares=True,
    )
}
