"""What a strong model makes of a weak one's labels: performance gap recovered, by who taught and on which items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.schemas.level_names import Levels, places
from uphill.schemas.names import GOLD
from uphill.stats.agreement import error_consistency
from uphill.stats.conditions import Condition
from uphill.stats.estimates import accuracy_interval
from uphill.stats.recovery import gap_recovered
from uphill.tables.accuracy import Panel, by_level, circular, panels
from uphill.tables.alike import CAPA, same_answers
from uphill.tables.estimates import columns, estimates
from uphill.tables.layouts import gaps_on_hardest, named, recovered, with_supervision, with_tested
from uphill.tables.predictions import answered
from uphill.tables.table import INTERVAL, Inputs, Table, Teaching
from uphill.tables.wide import WideLayout

ROLES = ("weak", "student", "ceiling", "weak_gold", "ceiling_supervisor", "unsupervised")
"""The teacher; the strong model on its labels and on right answers of the same items; the weak model on these right
answers; the strong model trained as the teacher was; and the strong model without training."""
SUPERVISED = ("weak", "ceiling_supervisor")
"""Roles that were trained on the supervisor pool, once."""
TRAINING = ("method", "dataset", "variable", "train_on", "labels", "experiment")
"""Columns that together with the model name a teacher's training."""
ITSELF = {**dict.fromkeys(("pgr", "pgr_low", "pgr_high", "pgr_p"), float("nan")), "pgr_set": "", "status": "same model"}
"""Of a model that teaches itself: there is no gap between it and itself."""
COLUMNS: Sequence[str] = [
    *("dataset", "variable", "train_on", "test_on", "weak", "strong", "method", "cot", "k", "n_train"),
    *("labels", "soft", "confident", "teacher", "teacher_variable", "teacher_on", "boots", "n_test"),
    *(column for role in ROLES for column in columns(f"{role}_accuracy")),
    *(*columns("pgr"), "pgr_p", "pgr_set", "status"),
    *("label_accuracy", "n_labels", "agreement", "error_kappa", *CAPA, "circular", "source"),
]
ROWS = ("dataset", "variable", "weak", "strong", "method", "n_train", "supervision", "taught on", "labels")


def weak_to_strong_rows(inputs: Inputs) -> pd.DataFrame:
    """One row per student (who taught it, what it was trained on) and group of test items.

    PGR = (student - weak) / (ceiling - weak), all on the same test items, paired; weak is the very teacher that
    labelled, and the ceiling differs from the student in its labels alone (Burns et al. 2023, section 3). `pgr_set`
    holds all ratios that the data allow. `status` is `unbounded` or `undefined` where the gap between ceiling and weak
    cannot be told from 0, `negative gap` where the ceiling lies below and `same model` where a model teaches itself, by
    the method by which it is taught;
    there is a PGR where it is `defined`. A teacher is taken as it is: intervals say nothing of how another training of
    it would have taught. `label_accuracy` is the share of a student's labels, as choices, that are right, and
    `n_labels` how many items these are, over all boots: with `confident`, those alone of whose label the teacher was
    surer than that, which may be fewer than `n_train` a boot. `agreement` is the share of test items where student and
    teacher are both right or both wrong, the mean over boots, and `error_kappa` what of it is beyond chance (error
    consistency, Geirhos et al. 2020). `capa` asks, of their probabilities, whether they give the same answer where
    they are wrong too, and `capa_choice` of the choices that they take (Goel et al. 2025).
    """
    assert inputs.teaching is not None, "the table reads teachers"
    groups = by_level(inputs.tested, inputs.levels)
    found = [row for panel in panels(inputs.predictions, groups, inputs.study) for row in _rows(panel, inputs)]
    table = pd.DataFrame(found, columns=COLUMNS)
    ranked = table.assign(train_on=places(table, "train_on", inputs.levels))
    by = ["dataset", "variable", "weak", "strong", "method", "labels", "train_on", "n_train"]
    return table.loc[ranked.sort_values(by, kind="stable").index].reset_index(drop=True)


def _rows(panel: Panel, inputs: Inputs) -> Iterator[dict[str, Any]]:
    teaching = inputs.teaching
    assert teaching is not None, "the table reads teachers"
    for condition, student in panel.conditions():
        teacher = teaching.teachers.get(str(condition["labels"]))
        if condition["labels"] == GOLD or teacher is None:
            continue
        rows = _roles(panel, condition, student, teacher, inputs)
        clusters = inputs.study.clusters.get(panel.name[1])
        roles = {role: answered(own, panel.items, clusters) for role, own in rows.items() if len(own)}
        # Of a teacher there is one training, which gave the labels: no draw of several.
        roles |= {role: replace(roles[role], trained=False) for role in SUPERVISED if role in roles}
        yield {
            **{name: condition[name] for name in COLUMNS if name in condition},
            "test_on": panel.test_on,
            "weak": teacher["model"],
            "strong": condition["model"],
            "soft": teacher["soft"],
            "confident": teacher["confident"],
            "teacher": teacher["method"],
            "teacher_variable": teacher["variable"],
            "teacher_on": teacher["train_on"],
            "boots": student["boot"].nunique(),
            "n_test": len(panel.items),
            **_measured(roles, inputs.study.coverage),
            **(ITSELF if _is_itself(teacher, condition) else {}),
            **_right_labels(teaching, condition, teacher),
            **_agreement(roles["student"].correct, roles["weak"].correct),
            **same_answers(rows["student"], rows["weak"]),
            "circular": circular(condition, inputs.study),
            "source": student["source"].iloc[0],
        }


def _is_itself(teacher: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Whether a model teaches itself in the way that it is taught: there is no gap. By another method there is one."""
    return bool(teacher["model"] == condition["model"] and teacher["method"] == condition["method"])


def _roles(
    panel: Panel, condition: Mapping[str, Any], student: pd.DataFrame, teacher: Mapping[str, Any], inputs: Inputs
) -> dict[str, pd.DataFrame]:
    """Grades of each role on the panel's items; none of one that was not run."""
    same = ("method", "cot", "k", "n_train", "noise_p", "train_dataset", "train_on")
    gold = {name: condition[name] for name in same} | {"labels": GOLD}
    everyone = inputs.predictions
    for name, value in zip(("dataset", "variable"), panel.name[1:], strict=True):
        everyone = everyone[everyone[name] == value]
    everyone = everyone[everyone["item_id"].isin(set(panel.items))]
    weak_gold = everyone[everyone["model"] == teacher["model"]]
    for name, value in gold.items():
        weak_gold = weak_gold[weak_gold[name] == value]
    one_model = teacher["model"] == condition["model"] and teacher["method"] != condition["method"]
    # Where the two are one model, these are its other roles again.
    strong_and_weak = {
        "weak_gold": weak_gold,
        "ceiling_supervisor": _answers(inputs.teaching, teacher, panel, condition["model"]),
    }
    return {
        "weak": _answers(inputs.teaching, teacher, panel, teacher["model"]),
        "student": student,
        "ceiling": panel.condition(**gold),
        **({} if one_model else strong_and_weak),
        "unsupervised": panel.baseline,
    }


def _answers(teaching: Teaching | None, teacher: Mapping[str, Any], panel: Panel, model: str) -> pd.DataFrame:
    """What a model that was trained as a teacher was says of the panel's items."""
    assert teaching is not None, "the table reads teachers"
    own = teaching.answers
    asked = {name: teacher[name] for name in TRAINING} | {"model": model}
    for name, value in asked.items():
        own = own[own[name] == value]
    return own[own["item_id"].isin(set(panel.items))]


def _measured(roles: Mapping[str, Condition], coverage: float) -> dict[str, Any]:
    """Accuracies with their intervals, and the gap recovered."""
    accuracies = {f"{role}_accuracy": accuracy_interval(own, coverage) for role, own in roles.items()}
    if "ceiling" not in roles:
        return {**estimates(**accuracies), "status": "no ceiling"}
    found = gap_recovered(roles["student"], roles["ceiling"], roles["weak"], coverage)
    row = {**estimates(**accuracies), "pgr_set": str(found.ratios), "status": found.status}
    if found.status != "defined":
        return row
    return row | {
        "pgr": found.point,
        "pgr_low": found.ratios.low,
        "pgr_high": found.ratios.high,
        "pgr_p": found.p_value,
    }


def _right_labels(teaching: Teaching, condition: Mapping[str, Any], teacher: Mapping[str, Any]) -> dict[str, float]:
    """How right a student's labels are, as choices: the teacher's grades of its training items, of each boot."""
    trained = teaching.trained
    for name, column in (("dataset", "train_dataset"), ("variable", "variable"), ("train_on", "train_on")):
        trained = trained[trained[name] == condition[column]]
    said = teaching.answers
    for name in (*TRAINING, "model"):
        said = said[said[name] == teacher[name]]
    if teacher["confident"] is not None:
        unsure = said["shares"].map(max) <= teacher["confident"]
        trained = trained[~trained["item_id"].isin(said.loc[unsure, "item_id"])]
    ranked = trained.sort_values("rank").groupby("boot", sort=False)
    shown = ranked.head(condition["n_train"])[["boot", "item_id"]]
    joined = shown.merge(said[["item_id", "correct"]], on="item_id", how="left", validate="many_to_one")
    return {"label_accuracy": float(joined["correct"].astype(float).mean()), "n_labels": len(joined)}


def _agreement(student: NDArray[np.float64], weak: NDArray[np.float64]) -> dict[str, float]:
    found = error_consistency(student, weak)
    return {"agreement": found.observed, "error_kappa": found.kappa}


def _printed(table: pd.DataFrame, _: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    gaps = gaps_on_hardest(table, levels)
    shown = with_supervision(named(gaps.drop(columns="labels")).assign(labels=list(gaps["labels"])), levels)
    return with_tested(shown.assign(**{"taught on": shown["teacher_on"]}), ROWS)


TABLES = {
    "weak_to_strong": Table(
        weak_to_strong_rows,
        "Weak-to-strong: performance gap recovered",
        "PGR = (student - weak) / (ceiling - weak), on the same test items: 1 where a weak model's labels serve as "
        "well as right answers, 0 where the student is no better than its teacher. There is none where the ceiling "
        "cannot be told from the teacher or lies below it, or where a model teaches itself. The teacher is the very "
        "one that labelled; the ceiling was trained on right answers of the student's items, `ceiling_supervisor` on "
        f"those of the teacher's. {INTERVAL} `label_accuracy` is how right the labels are that the student saw; "
        "`error_kappa` how far student and teacher are right and wrong together, beyond chance; `capa` how far they "
        "give the same answers, wrong ones too, beyond chance, and `capa_choice` the same of the choices they take.",
        WideLayout(
            ROWS,
            recovered(),
            _printed,
            incidental=("variable", "taught on"),
        ),
        reads_teachers=True,
        reads_shares=True,
    )
}
