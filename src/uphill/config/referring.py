"""What the parts of a config name of each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from uphill.config import labelled, trained
from uphill.schemas.names import GOLD

if TYPE_CHECKING:
    from uphill.config.study import Config


def references(config: "Config") -> Iterator[tuple[str, str, set[str]]]:
    """(key, name, names that there are) of everything that is named."""
    datasets, models, methods = set(config.datasets), set(config.models), set(config.methods)
    for group in ("hardness_models", "test_models"):
        for number, name in enumerate(getattr(config, group)):
            yield f"{group}.{number}", name, models
    if config.only is not None:
        for group, known in (("datasets", datasets), ("models", models), ("methods", methods)):
            yield from ((f"only.{group}", name, known) for name in getattr(config.only, group))
    for name, dataset in config.datasets.items():
        yield f"datasets.{name}.unsupervised", dataset.unsupervised, methods
    for name, entry in config.measures.items():
        if "dataset" in entry:
            yield f"measures.{name}.dataset", entry["dataset"], datasets
        if (panel := config.panel_of(name)) is not None:
            yield f"measures.{name}.panel", panel, set(config.panels)
    for name, read in config.panels.items():
        yield f"panels.{name}.dataset", read.dataset, datasets
        for model in read.models:
            yield f"panels.{name}.models", model, models
        for cells in read.cells:
            yield from ((f"panels.{name}.cells.methods", method, methods) for method in cells.methods)
    for name, own in labelled.entries(config).items():
        for field, known in (("dataset", datasets), ("method", methods), ("model", models)):
            if field in own:
                yield f"labels.{name}.{field}", own[field], known
    yield from trained.references(config)
    for where, arm in config.placed_arms():
        yield f"{where}.labels", arm.labels, {GOLD, *labelled.entries(config)}
        for used in arm.involved:
            yield f"{where}.dataset" if used == arm.dataset else f"{where}.train_from", used, datasets
        for method in arm.methods:
            yield f"{where}.methods", method, methods
        for model in arm.models:
            yield f"{where}.models", model, models
