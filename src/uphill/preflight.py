"""What can be known before anything runs: bad items, and levels too small to train on and test on.

A measure that needs a model cannot be known; neither can items that come over the network.
"""

from itertools import groupby
from pathlib import Path

import pandas as pd

from uphill.config import ALL_VARIABLE
from uphill.datasets import make_items
from uphill.errors import UphillError
from uphill.hardness.data import HardnessData
from uphill.hardness.levels import add_levels
from uphill.schemas import made_by
from uphill.splits import SplitSettings, check_sizes, experiment_levels
from uphill.workflow import Plan, splits_path


def check(plan: Plan) -> None:
    """Try the splits that have not been drawn yet.

    Raises:
        UphillError: a bad item, by file and row, or a level that is too small, with its counts.
    """
    for dataset, pairs in groupby(plan.splits(), key=lambda pair: pair[0]):
        variables = [variable for _, variable in pairs if not _drawn(plan, dataset, variable)]
        if variables and not getattr(plan.config.source_settings(dataset), "remote", False):
            _try(plan, dataset, variables)


def _drawn(plan: Plan, dataset: str, variable: str) -> bool:
    path = splits_path(dataset, variable)
    try:
        return Path(path).is_file() and made_by(path)["id"] == plan.splits_spec(dataset, variable)["id"]
    except (UphillError, OSError, ValueError):
        # A damaged file counts as not made; the workflow deals with it.
        return False


def _try(plan: Plan, dataset: str, variables: list[str]) -> None:
    items = make_items(plan.items_spec(dataset)["settings"])
    hardness = _known_hardness(plan, dataset, items, variables)
    for variable in variables:
        if variable == ALL_VARIABLE or variable in set(hardness["variable"]):
            settings = dict(plan.splits_spec(dataset, variable)["settings"])
            del settings["dataset"], settings["variable"]
            check_sizes(experiment_levels(items, hardness, variable), dataset, variable, SplitSettings(**settings))


def _known_hardness(plan: Plan, dataset: str, items: pd.DataFrame, variables: list[str]) -> pd.DataFrame:
    """Hardness rows of those variables that no model is needed for."""
    config, indexed = plan.config, items.set_index("item_id")
    data = HardnessData(config.graded(dataset), indexed, config.seed)
    measured = [
        config.measure_module(name).measure(name, config.measure_settings(name), data)
        for name, made in config.measures(dataset).items()
        if name in plan.measures_needing(None) and set(made) & set(variables)
    ]
    if not measured:
        return pd.DataFrame(columns=["item_id", "variable", "value", "kind", "level"])
    return add_levels(pd.concat(measured, ignore_index=True), indexed, config.datasets[dataset].cuts)
