"""Tables: of each experiment, of rank correlations, and as a paper prints them."""

from collections.abc import Iterator, Sequence
from typing import Any

from uphill.experiments import ALL_TO_ALL, NOISY_LABELS, POPULATION, QUANTIZATION, Row
from uphill.running.provenance import beside
from uphill.tables.layouts import LAYOUTS, TIDY
from uphill.workflow.jobs import PROVENANCE, Job, Settings, once
from uphill.workflow.paths import CORRELATIONS, correlations_path, table_path, wide_path
from uphill.workflow.stages.grades import slices
from uphill.workflow.stages.hardness import hardness
from uphill.workflow.stages.items import items
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study

TABLES = {
    POPULATION: POPULATION,
    "sgr": POPULATION,
    "accuracy_by_hardness": POPULATION,
    ALL_TO_ALL: ALL_TO_ALL,
    "all_to_all_by_hardness": ALL_TO_ALL,
}
"""The experiment that a table shows, where it is not the one that it is named after."""
READS_HARDNESS = ("all_to_all_by_hardness",)


def jobs(study: Study) -> Iterator[Job]:
    """Those of experiments, then of correlations, then the one of wide tables."""
    yield from (table(study, name) for name in names(study))
    yield from (correlations(study, dataset) for dataset in study.datasets)
    yield wide(study)


@once
def names(study: Study) -> list[str]:
    """Every table but those of correlations."""
    experiments = list(dict.fromkeys(row.experiment for row in study.rows()))
    own = [name for name in experiments if name not in TABLES]
    return [*(name for name, experiment in TABLES.items() if experiment in experiments), *own]


def experiment_of(name: str) -> str:
    """The experiment that a table shows."""
    return TABLES.get(name, name)


@once
def table(study: Study, name: str) -> Job:
    """One table of an experiment; of each file of grades it depends on its own slices only."""
    rows = study.rows(experiment_of(name))

    def decide() -> Settings:
        return {
            "table": name,
            "unsupervised": unsupervised(study),
            **_intervals(study, study.config.statistics.draws),
            "hard_noise": _hard_noise(rows) if name == NOISY_LABELS else [],
            "rungs": list(rows[0].train_on or ()) if rows[0].bands else [],
            "seen": study.config.splits.train_on_test,
            "pairs": _pairs(study) if name == QUANTIZATION else {},
        }

    made = table_path(name)
    read = {
        "grades": [
            slices(study, method, model, row.dataset)[row.slice]
            for row in rows
            for model in row.models
            for method in row.methods
        ],
        "splits": [splits(study, row.dataset, row.split) for row in rows],
        "hardness": [hardness(study, row.dataset) for row in rows] if name in READS_HARDNESS else [],
    }
    return Job(
        rule="table",
        wildcards={"table": name},
        title=f"Table {name}",
        named=f"ladders.{name}" if name in study.config.ladders else f"the table {name}",
        record=f"tables/{name}",
        outputs={"table": [made], PROVENANCE: [beside(made)]},
        decide=decide,
        reads={key: list(dict.fromkeys(jobs)) for key, jobs in read.items()},
        from_config={"seen": "splits.train_on_test", "": "statistics"},
    )


@once
def correlations(study: Study, dataset: str) -> Job:
    """Rank correlations between a dataset's hardness variables."""
    made = correlations_path(dataset)
    return Job(
        rule="correlations",
        wildcards={"dataset": dataset},
        title=f"Rank correlations between the hardness variables of {dataset}",
        named=f"the correlations of datasets.{dataset}",
        record=f"tables/{CORRELATIONS}{dataset}",
        outputs={"table": [made], PROVENANCE: [beside(made)]},
        decide=lambda: {"dataset": dataset, **_intervals(study, study.config.statistics.correlation_draws)},
        reads={"questions": [items(study, dataset)], "hardness": [hardness(study, dataset)]},
        from_config={"draws": "statistics.correlation_draws", "": "statistics"},
    )


@once
def wide(study: Study) -> Job:
    """Tables as a paper prints them, all in one job; each by the tidy one that it is made from."""
    tidy = names(study)
    sources = {name: TIDY.get(name, name) for name in LAYOUTS if TIDY.get(name, name) in tidy}
    sources |= {name: name for name in study.config.ladders}
    made = {kind: [wide_path(name, kind) for name in sources] for kind in ("csv", "tex")}
    return Job(
        rule="wide",
        wildcards={},
        title="Tables as a paper prints them",
        named="the tables as a paper prints them",
        record="tables/wide",
        outputs={**made, PROVENANCE: [beside(path) for path in made["csv"]]},
        decide=lambda: {"tables": dict(sources), "unsupervised": unsupervised(study)},
        reads={"tidy": [table(study, name) for name in dict.fromkeys(sources.values())]},
    )


def unsupervised(study: Study) -> dict[str, str]:
    """By dataset, the method whose accuracy is Unsupervised."""
    return {name: entry.unsupervised for name, entry in study.config.datasets.items()}


def _intervals(study: Study, draws: int) -> Settings:
    return {"draws": draws, "coverage": study.config.statistics.coverage, "seed": study.config.seed}


def _hard_noise(rows: Sequence[Row]) -> list[list[Any]]:
    """[model, dataset, variable, method, factor] of each row of the config that noise is multiplied in."""
    return [
        [model, row.dataset, row.variable, method, row.hard_noise]
        for row in rows
        for model in row.models
        for method in row.methods
    ]


def _pairs(study: Study) -> dict[str, dict[str, str]]:
    """By dataset, the quantized model of each full one."""
    found: dict[str, dict[str, str]] = {}
    for entry in study.config.quantization:
        found.setdefault(entry.dataset, {}).update(entry.pairs)
    return found
