"""What can be known before anything runs: bad items, and levels too small to train on and test on.

A measure that needs a model cannot be known; neither can items that come over the network.
"""

from itertools import groupby
from pathlib import Path

import pandas as pd

from uphill.datasets import make_items
from uphill.errors import UphillError
from uphill.hardness.data import HardnessData
from uphill.hardness.levels import add_levels
from uphill.schemas import made_by
from uphill.splits import SplitSettings, check_sizes, experiment_levels, levels_tested
from uphill.workflow import Plan, splits_path


def check(plan: Plan) -> None:
    """Try the splits that have not been drawn yet.

    Raises:
        UphillError: a bad item, by file and row, or a level that is too small, with its counts.
    """
    for dataset, pairs in groupby(plan.drawn(), key=lambda pair: pair[0]):
        draws = [draw for _, draw in pairs if not _drawn(plan, dataset, draw)]
        if draws and not getattr(plan.config.source_settings(dataset), "remote", False):
            _try(plan, dataset, draws)


def _drawn(plan: Plan, dataset: str, draw: str) -> bool:
    path = splits_path(dataset, draw)
    try:
        return Path(path).is_file() and made_by(path)["id"] == plan.splits_spec(dataset, draw)["id"]
    except (UphillError, OSError, ValueError):
        # A damaged file counts as not made; the workflow deals with it.
        return False


def _try(plan: Plan, dataset: str, draws: list[str]) -> None:
    items = make_items(plan.items_spec(dataset)["settings"])
    hardness = _known_hardness(plan, dataset, items, set().union(*(plan.graded_by(dataset, draw) for draw in draws)))
    known = set(hardness["variable"])
    for draw in draws:
        if plan.graded_by(dataset, draw) <= known:
            settings = plan.splits_spec(dataset, draw)["settings"]
            cut = items, hardness, settings["variable"], settings["bands"]
            graded, tested = experiment_levels(*cut)["level"], levels_tested(*cut)
            sizes = SplitSettings(**settings["draw"])
            check_sizes(graded, dataset, settings["variable"], sizes, None if tested is None else tested["level"])


def _known_hardness(plan: Plan, dataset: str, items: pd.DataFrame, variables: set[str]) -> pd.DataFrame:
    """Hardness rows of those variables that no model is needed for."""
    config, indexed = plan.config, items.set_index("item_id")
    data = HardnessData(config.graded(dataset), indexed, config.seed)
    measured = [
        config.measure_module(name).measure(name, config.measure_settings(name), data)
        for name, made in config.measures(dataset).items()
        if name in plan.measures_needing(None) and set(made) & variables
    ]
    if not measured:
        return pd.DataFrame(columns=["item_id", "variable", "value", "kind", "level"])
    return add_levels(pd.concat(measured, ignore_index=True), indexed, config.datasets[dataset].cuts)
