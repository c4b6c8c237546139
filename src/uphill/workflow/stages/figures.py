"""Figures: what each draws, from which table, by which module."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from uphill.experiments import LEARNING_CURVES, NOISY_LABELS, POPULATION, QUANTIZATION
from uphill.running.provenance import beside
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.workflow.jobs import PROVENANCE, Job, Settings, once
from uphill.workflow.paths import CORRELATIONS, figure_path
from uphill.workflow.stages.hardness import hardness
from uphill.workflow.stages.tables import correlations, experiment_of, names, table, unsupervised
from uphill.workflow.study import Study

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


@once
def jobs(study: Study) -> list[Job]:
    """Those of tables, in the order that a report shows them; then of hardness and of correlations."""
    return list(_jobs(study))


def _jobs(study: Study) -> Iterator[Job]:
    made = names(study)
    for name, drawing in DRAWINGS.items():
        if drawing.table in made and _models_beside(study, experiment_of(drawing.table)) >= drawing.models:
            yield _figure(study, name, f"the figure {name}", drawing, [table(study, drawing.table)])
    for name in study.config.ladders:
        yield _figure(study, name, f"ladders.{name}", Drawing("ladder", name), [table(study, name)])
    tables = [hardness(study, dataset) for dataset in study.datasets]
    yield _figure(study, HARDNESS, f"the figure {HARDNESS}", Drawing("hardness", HARDNESS), tables)
    for dataset in study.datasets:
        name, named = f"{CORRELATIONS}{dataset}", f"the correlations of datasets.{dataset}"
        yield _figure(study, name, named, Drawing("correlations", name), [correlations(study, dataset)])


@once
def _models_beside(study: Study, experiment: str) -> int:
    """The most models that any one thing is trained with."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for row in study.rows(experiment):
        for method in row.methods:
            if study.config.n_train(method):
                found.setdefault((row.dataset, row.variable, method), set()).update(row.models)
    return max(map(len, found.values()), default=0)


def _figure(study: Study, name: str, named: str, drawing: Drawing, drawn: list[Job]) -> Job:
    config = study.config

    def decide() -> Settings:
        """`order` is that of the figure's panels, bars and lines."""
        rungs = config.ladders[name].train if name in config.ladders else {}
        order = {
            "model": list(config.models),
            "dataset": list(config.datasets),
            "method": list(config.methods),
            "train_on": [UNSUPERVISED, *rungs],
        }
        return {
            "module": drawing.module,
            "options": dict(drawing.options),
            "order": order,
            "unsupervised": unsupervised(study),
        }

    png = figure_path(name, "png")
    return Job(
        rule="figure",
        wildcards={"figure": name},
        title=f"Figure {name}",
        named=named,
        record=f"figures/{name}",
        outputs={"png": [png], "pdf": [figure_path(name, "pdf")], PROVENANCE: [beside(png)]},
        decide=decide,
        reads={"drawn": drawn},
        code=[f"uphill.figures.{drawing.module}"],
    )
