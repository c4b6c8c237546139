"""Which figures there are: what each draws, from which table, by which module."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from uphill.experiments import LEARNING_CURVES, NOISY_LABELS, POPULATION, QUANTIZATION
from uphill.schemas import ALL
from uphill.workflow.paths import CORRELATIONS

HARDNESS = "hardness"
"""The figure that draws the hardness tables themselves."""


@dataclass(frozen=True)
class Drawing:
    """How a figure is made.

    Attributes:
        module: of uphill/figures.
        table: that it draws; the figure is made where the table is.
        options: how the module's `draw` is asked.
        models: it is made only where so many models are trained alike.
    """

    module: str
    table: str
    options: Mapping[str, str] = field(default_factory=dict)
    models: int = 0


DRAWINGS: Mapping[str, Drawing] = {
    POPULATION: Drawing("population", POPULATION, {"test_on": "hard"}),
    "population_all": Drawing("population", POPULATION, {"test_on": ALL}),
    "train_levels": Drawing("train_levels", POPULATION),
    "by_model": Drawing("by_model", POPULATION, models=2),
    "sgr": Drawing("sgr", "sgr"),
    "accuracy_by_hardness": Drawing("accuracy_by_hardness", "accuracy_by_hardness", {"train_on": "easy"}),
    "all_to_all_by_hardness": Drawing("accuracy_by_hardness", "all_to_all_by_hardness", {"train_on": ALL}),
    LEARNING_CURVES: Drawing("learning_curves", LEARNING_CURVES),
    NOISY_LABELS: Drawing("noisy_labels", NOISY_LABELS),
    QUANTIZATION: Drawing("quantization", QUANTIZATION),
}


def drawings(
    tables: Iterable[str], ladders: Iterable[str], datasets: Iterable[str], models: Mapping[str, int]
) -> dict[str, Drawing]:
    """The figures of a study, by name, in the order that a report shows them.

    Args:
        tables: that are made.
        ladders: those of them that are of a ladder.
        datasets: that some experiment involves.
        models: by table, how many models are trained alike in its experiment.
    """
    made = set(tables)
    own = {
        name: drawing
        for name, drawing in DRAWINGS.items()
        if drawing.table in made and models[drawing.table] >= drawing.models
    }
    own |= {name: Drawing("ladder", name) for name in ladders}
    own[HARDNESS] = Drawing("hardness", HARDNESS)
    return own | {f"{CORRELATIONS}{name}": Drawing("correlations", f"{CORRELATIONS}{name}") for name in datasets}
