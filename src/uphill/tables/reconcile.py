"""Two readings of the same cells: is easy data as good as hard data, and does training carry across difficulty?"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from uphill.schemas.level_names import NO_LEVELS, Levels, extremes, hardest
from uphill.stats.readings import readings
from uphill.stats.recovery import gap_recovered
from uphill.tables.accuracy import Panel, accuracy_rows, by_level, panels
from uphill.tables.estimates import columns, estimates
from uphill.tables.gaps import gap_rows
from uphill.tables.layouts import GAIN, N_TEST, named, with_supervision, with_tested
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.scales import agreement_rows, depends_rows
from uphill.tables.slices import apart
from uphill.tables.table import INTERVAL, Inputs, Table
from uphill.tables.wide import Part, WideLayout

SAME = [name for name in CONDITION if name not in ("model", "dataset", "variable", "train_on")]
READ: list[str] = [
    *("against", *columns("sgr"), "sgr_p", "sgr_set", "status", "margin"),
    *(*columns("short", compared=True), "as_good", "as_good_p", "not_carried", "not_carried_p", "helps_p"),
]
"""What is found of a train level beside its gain, in the order of the columns."""
KEPT = [
    *("model", "dataset", "variable", "experiment", "method", "cot", "k", "n_train", "train_on", "test_on", "boots"),
    *("n_test", "chance", "accuracy", "low", "high", *columns("gain", compared=True), *READ, "circular"),
]
ROWS = ("model", "dataset", "variable", "experiment", "method", "n_train")


def _reconciled(inputs: Inputs) -> pd.DataFrame:
    """A row a train level of each way to train, tested on the hardest level that is."""
    tables = [_of_slice(one).assign(experiment=experiment) for experiment, one in apart(inputs)]
    seen = [] if inputs.study.trained is None else ["seen"]
    found = [table for table in tables if len(table)]
    return pd.concat(found, ignore_index=True)[[*KEPT, *seen, "source"]] if found else pd.DataFrame(columns=KEPT)


def _of_slice(inputs: Inputs) -> pd.DataFrame:
    groups = hardest(by_level(inputs.tested, inputs.levels), inputs.levels)
    cells = accuracy_rows(inputs.predictions, groups, inputs.study, inputs.levels)
    cells = cells[~cells["train_on"].isin(NO_LEVELS)]
    read = [row for panel in panels(inputs.predictions, groups, inputs.study) for row in _of_panel(panel, inputs)]
    return cells.merge(pd.DataFrame(read, columns=[*CONDITION, *READ]), on=CONDITION, how="left", validate="1:1")


def _of_panel(panel: Panel, inputs: Inputs) -> Iterator[dict[str, Any]]:
    study, clusters = inputs.study, inputs.study.clusters.get(panel.name[1])
    last = extremes(panel.rows["train_on"], inputs.levels.get(panel.name[1:], ()))[1]
    for condition, rows in panel.conditions():
        if condition["train_on"] in (*NO_LEVELS, last) or panel.baseline.empty:
            continue
        hard = panel.condition(**{name: condition[name] for name in SAME}, train_on=last)
        if hard.empty:
            continue
        own, best, untrained = (answered(one, panel.items, clusters) for one in (rows, hard, panel.baseline))
        said = readings(own, best, untrained, study.margin, study.coverage)
        ratio = gap_recovered(own, best, untrained, study.coverage)
        known = ratio.ratios.kind == "interval"
        yield {
            **condition,
            "against": last,
            "sgr": ratio.point,
            **({"sgr_low": ratio.ratios.low, "sgr_high": ratio.ratios.high} if known else {}),
            "sgr_p": ratio.p_value,
            "sgr_set": str(ratio.ratios),
            "status": ratio.status,
            **estimates(short=said.short),
            **{name: getattr(said, name) for name in ("margin", "as_good", "as_good_p")},
            **{name: getattr(said, name) for name in ("not_carried", "not_carried_p", "helps_p")},
        }


def _printed(table: pd.DataFrame, _: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    return with_tested(with_supervision(named(table), levels, ends=False), ROWS)


TABLES = {
    "reconcile": Table(
        _reconciled,
        "Two readings of the same cells",
        "One row per level that is trained on, tested on the hardest level that is. The gain is over no supervision, "
        "SGR the share that it is of the gain of the hardest level trained on (`against`), `short` what that level is "
        "better by. `as_good` is the reading of Hase et al. (2024), that easy data is as good as hard data; "
        "`not_carried` that of Kordi et al. (2025), that training does not carry across difficulty, so that it is no "
        "better than none. Each within the margin, by a paired one-sided test at 5 %; the first is a yes only where "
        "this level is seen to help, the second only where the hardest is (`helps_p`, one-sided). "
        f"{INTERVAL}",
        WideLayout(ROWS, (Part("{supervision}", GAIN, ("rank",)), N_TEST), _printed),
    ),
    "gap": Table(
        gap_rows,
        "How far training carries",
        "Of each way to train on two tested levels or more: its cells, and their means by width, the number of levels "
        "from the one trained on up to the one tested (below 0 where the harder one is trained on). `own` is the gain "
        "of training on the tested levels themselves, for the same items; `short` is own less gain, SGR gain over own. "
        "`as_good` says whether the cells are as good as own within the margin, and themselves help: where it turns to "
        "no, easy data stops being enough. `slope` is the change of the gain with each level more of width, test "
        "levels held fixed; and of `short` with each level that a window is moved up, widths held fixed. "
        f"{INTERVAL}",
    ),
    "scales": Table(
        agreement_rows,
        "Do the scales agree?",
        "Spearman correlations of pairs of scales over all tested items, with bootstrap intervals over items; and what "
        "they would be without the errors of the scales whose reliability is known (`corrected`, which takes the "
        "reliability for certain, the other scale for free of error, and may pass 1).",
        reads_hardness=True,
        reads_reliability=True,
    ),
    "scale_sgr": Table(
        depends_rows,
        "Does the conclusion depend on the scale?",
        "One row per pair of scales and way to train that both have, on items that are hard, and tested, by both. "
        "`short` is hard less easy data, each by one of the scales; `difference` is the first's less the second's, "
        "paired. `depends` says whether it is more than the margin: yes, no, or cannot tell; `depends_p` is of two "
        f"one-sided tests, for a difference within the margin. {INTERVAL}",
    ),
}
