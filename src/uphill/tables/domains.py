"""The matrix of domain and level: what training on one dataset's level does for another's, held against its own."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from uphill.schemas.level_names import NO_LEVELS
from uphill.stats.readings import readings
from uphill.tables.accuracy import Panel, accuracy_rows, by_level, panels
from uphill.tables.estimates import columns, estimates
from uphill.tables.predictions import CONDITION, answered
from uphill.tables.table import INTERVAL, Inputs, Table

READ = [*columns("short", compared=True), "margin", "as_good", "as_good_p"]


def domain_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a training condition and test level; another dataset's training is held against that of its own level."""
    groups = by_level(inputs.tested, inputs.levels)
    table = accuracy_rows(inputs.predictions, groups, inputs.study, inputs.levels)
    read = [row for panel in panels(inputs.predictions, groups, inputs.study) for row in _of_panel(panel, inputs)]
    keys = [*CONDITION, "test_on"]
    found = pd.DataFrame(read, columns=[*keys, *READ])
    whole = table.merge(found, on=keys, how="left", validate="1:1")
    return whole[[*(name for name in whole if name not in ("circular", "source")), "circular", "source"]]


def _of_panel(panel: Panel, inputs: Inputs) -> Iterator[dict[str, Any]]:
    study, dataset = inputs.study, panel.name[1]
    clusters = study.clusters.get(dataset)
    for named, rows in panel.conditions():
        own = panel.condition(**{**named, "train_dataset": dataset})
        if named["train_on"] in NO_LEVELS or named["train_dataset"] == dataset or own.empty or panel.baseline.empty:
            continue
        other, same, none = (answered(one, panel.items, clusters) for one in (rows, own, panel.baseline))
        said = readings(other, same, none, study.margin, study.coverage)
        yield {
            **named,
            "test_on": panel.test_on,
            **estimates(short=said.short),
            **{name: getattr(said, name) for name in ("margin", "as_good", "as_good_p")},
        }


TABLES = {
    "domains": Table(
        domain_rows,
        "Training on each domain and testing on each",
        "One row per training condition and test level, the tested dataset's own training among them. `short` is what "
        "training on the same level of the tested dataset itself is better by; `as_good` says whether the other "
        "dataset is as good within the margin, by a paired one-sided test at 5 %, and itself seen to help. The gain is "
        f"over no supervision. {INTERVAL}",
    ),
}
