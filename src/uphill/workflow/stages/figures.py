"""Figures: those of each experiment, as uphill/figures says, and those of certainty, hardness and correlations."""

from collections.abc import Iterator

from uphill import registry
from uphill.figures import certainty as of_certainty
from uphill.figures import correlations as of_correlations
from uphill.figures import hardness as of_hardness
from uphill.figures.figure import Figure
from uphill.running.provenance import beside
from uphill.schemas.names import UNSUPERVISED
from uphill.workflow.jobs import PROVENANCE, Job, Settings, once
from uphill.workflow.paths import CORRELATIONS, figure_path
from uphill.workflow.stages import accounts
from uphill.workflow.stages.hardness import hardness
from uphill.workflow.stages.tables import correlations, made, names, table, unsupervised
from uphill.workflow.study import Study

ROOM, NEEDS = "uphill.figures", "FIGURES"


@once
def jobs(study: Study) -> list[Job]:
    """Those of tables, in the order that a report shows them; then of hardness and of correlations."""
    return list(_jobs(study))


def _jobs(study: Study) -> Iterator[Job]:
    for name, (experiment, kind, key) in made(study, ROOM, NEEDS).items():
        figure: Figure = registry.load(ROOM, kind, NEEDS).FIGURES[key]
        shown = figure.table if experiment == kind else name
        if shown in names(study) and _models_beside(study, experiment) >= figure.models:
            named = f"the figure {name}" if experiment == kind else f"{kind}.{experiment}"
            yield _figure(study, name, named, (kind, key), [table(study, shown)])
    tables = [hardness(study, dataset) for dataset in study.datasets]
    [key] = of_hardness.FIGURES
    yield _figure(study, key, f"the figure {key}", ("hardness", key), tables)
    [key] = of_certainty.FIGURES
    for account in accounts.jobs(study):
        if account.wildcards["account"] == key:
            yield _figure(study, key, f"the figure {key}", ("certainty", key), [account])
    [key] = of_correlations.FIGURES
    for dataset in study.datasets:
        named, drawn = f"the correlations of datasets.{dataset}", [correlations(study, dataset)]
        yield _figure(study, f"{CORRELATIONS}{dataset}", named, ("correlations", key), drawn)


@once
def _models_beside(study: Study, experiment: str) -> int:
    """The most models that any one thing is trained with."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for arm in study.shown()[experiment]:
        for method in arm.methods:
            if study.config.n_train(method):
                found.setdefault((arm.dataset, arm.variable, method), set()).update(arm.models)
    return max(map(len, found.values()), default=0)


def _figure(study: Study, name: str, named: str, of: tuple[str, str], drawn: list[Job]) -> Job:
    config, (kind, key) = study.config, of
    figure: Figure = registry.load(ROOM, kind, NEEDS).FIGURES[key]

    def decide() -> Settings:
        """`order` is that of the figure's panels, bars and lines: as rows of experiments name them."""
        arms = study.arms()
        order = {
            "model": list(dict.fromkeys(model for arm in arms for model in arm.models)),
            "dataset": list(dict.fromkeys(dataset for arm in arms for dataset in arm.involved)),
            "method": list(dict.fromkeys(method for arm in arms for method in arm.methods)),
            "train_on": [UNSUPERVISED],
        }
        return {
            "of": kind,
            "figure": key,
            "plot": figure.plot,
            "options": dict(figure.options),
            "order": order,
            "unsupervised": unsupervised(study),
            "sources": {name: config.datasets[name].source["kind"] for name in study.datasets},
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
        code=[f"{ROOM}.plots.{figure.plot}"],
    )
