"""A hardness job: from files to data, through the measure, to one part of the hardness table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from uphill import registry
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.levels import Cuts, add_levels, mean_over_models
from uphill.job import Job
from uphill.schemas import HARDNESS, ITEMS, MEASURE, read, write


def data_of(job: Job) -> HardnessData:
    """What every measure reads."""
    items = read(job.input.questions, ITEMS).set_index("item_id")
    return HardnessData(Graded(**job.settings["dataset"]), items, job.settings["seed"])


def run_measure(job: Job, data: HardnessData) -> None:
    """Measure the items and write the values to the job's output."""
    settings = job.settings
    measure = registry.load("uphill.hardness", settings["kind"], "measure")
    values = measure.measure(settings["measure"], registry.settings_of(measure, settings["settings"]), data)
    write(values, job.output[0], MEASURE, job.made_by)


def levelled(measures: Sequence[str], items: pd.DataFrame, cuts: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Hardness rows of some files of measures: the mean over models of each value, with its level.

    Args:
        measures: files; of none, there is no row.
        items: the item table.
        cuts: the config's cuts, by variable.
    """
    if not measures:
        return pd.DataFrame(columns=HARDNESS.schema.names)
    values = mean_over_models([read(path, MEASURE) for path in measures])
    named = {variable: Cuts(**cut) for variable, cut in cuts.items()}
    return add_levels(values, items.set_index("item_id"), named)
