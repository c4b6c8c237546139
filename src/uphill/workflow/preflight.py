"""What can be known before anything runs: bad items, and levels too small to train on and test on.

A measure that needs a model, or the answers of a panel, cannot be known; neither can items that come over the network.
"""

from itertools import groupby
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from uphill.datasets.items import make_items
from uphill.errors import UphillError
from uphill.hardness.data import HardnessData
from uphill.hardness.levels import add_levels
from uphill.schemas.files import made_by
from uphill.schemas.hardness import HARDNESS
from uphill.splits.levels import experiment_levels, levels_tested
from uphill.splits.settings import SplitSettings
from uphill.splits.sizes import check_sizes
from uphill.workflow.jobs import Job
from uphill.workflow.stages import measures
from uphill.workflow.study import Study


def check(study: Study) -> None:
    """Try the splits that have not been drawn yet.

    Raises:
        UphillError: a bad item, by file and row, or a level that is too small, with its counts.
    """
    for dataset, jobs in groupby(study.of("splits"), key=lambda job: job.wildcards["dataset"]):
        pending = [job for job in jobs if not _drawn(job)]
        if pending and not getattr(study.config.source_settings(dataset), "remote", False):
            _try(study, dataset, pending)


def _drawn(job: Job) -> bool:
    [path] = job.files
    try:
        return Path(path).is_file() and made_by(path)["id"] == job.id
    except (UphillError, OSError, ValueError):
        # A damaged file counts as not made; the workflow deals with it.
        return False


def _try(study: Study, dataset: str, pending: list[Job]) -> None:
    """Draw the splits that no model has to be asked for."""
    known = [job for job in pending if all(read.rule == measures.ALONE for read in job.reads["measures"])]
    items = make_items(study.job("items", {"dataset": dataset}).settings)
    needed = {read.wildcards["measure"] for job in known for read in job.reads["measures"]}
    hardness = _hardness(study, dataset, items, needed)
    for settings in (job.settings for job in known):
        cut, sizes = (items, hardness, settings["levels"], settings["pools"]), SplitSettings(**settings["sizes"])
        graded, tested = experiment_levels(*cut), levels_tested(*cut)
        levels = None if tested is None else tested["level"]
        check_sizes(graded["level"], dataset, settings["variable"], sizes, levels)


def _hardness(study: Study, dataset: str, items: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    """Hardness rows of some measures."""
    config, indexed = study.config, items.set_index("item_id")
    data = HardnessData(config.graded(dataset), indexed, config.seed)
    measured = [
        config.measure_module(name).measure(name, _once(config.measure_settings(name)), data) for name in sorted(names)
    ]
    if not measured:
        return pd.DataFrame(columns=HARDNESS.schema.names)
    return add_levels(pd.concat(measured, ignore_index=True), indexed, config.datasets[dataset].cuts, config.seed)


def _once(settings: BaseModel) -> BaseModel:
    """Settings of a measure that say to measure once: repetitions tell how far to trust values, and move none."""
    return settings.model_copy(update={"stability": 0}) if hasattr(settings, "stability") else settings
