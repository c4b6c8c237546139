"""Tables of what models wrote and learned: of no experiment, and of studies that have texts or trainings alone."""

from collections.abc import Iterator

from uphill.config import generated
from uphill.running.provenance import beside
from uphill.tables.generations import TOLD
from uphill.workflow.jobs import PROVENANCE, Job, Settings, once
from uphill.workflow.paths import table_path
from uphill.workflow.stages import clusters, generations, models
from uphill.workflow.stages.training import ADAPTER, FULL
from uphill.workflow.study import Study

GENERATIONS, CERTAINTY, COSTS = "generations", "certainty", "costs"


@once
def jobs(study: Study) -> list[Job]:
    """Those that the study has something for."""
    return list(_jobs(study))


def _jobs(study: Study) -> Iterator[Job]:
    texts = [job for name in study.config.generations for job in generations.shards(study, name)]
    graded = [job for name in study.config.generations if (job := generations.grades(study, name)) is not None]
    grouped = [clusters.clusters(study, name) for name in study.config.clusters]
    trained = [job for job in models.jobs(study) if job.rule in (ADAPTER, FULL)]
    if texts:
        yield _account(study, GENERATIONS, {"texts": texts, "grades": graded})
    if grouped:
        yield _account(study, CERTAINTY, {"clusters": grouped, "texts": texts, "grades": graded})
    if texts or trained:
        yield _account(study, COSTS, {"texts": texts, "weights": trained})


def _account(study: Study, name: str, reads: dict[str, list[Job]]) -> Job:
    config, path = study.config, table_path(name)

    def decide() -> Settings:
        return {
            "account": name,
            "generations": {one: _written(study, one) for one in config.generations},
            "clusters": {one: _grouped(study, one) for one in config.clusters},
            "trained": {job.wildcards["model"]: _learned(study, job) for job in reads.get("weights", [])},
            "coverage": config.statistics.coverage,
        }

    return Job(
        rule="account",
        wildcards={"account": name},
        title=f"Table {name} of texts and trainings",
        named=f"the table {name}",
        record=f"tables/{name}",
        outputs={"table": [path], PROVENANCE: [beside(path)]},
        decide=decide,
        reads={kind: found for kind, found in reads.items() if found},
        also=["training", "writing"] if name == COSTS else [],
        holds=["texts"] if reads.get("texts") else [],
        from_config={"generations": "generations", "clusters": "clusters", "trained": "models", "": "statistics"},
    )


def _written(study: Study, name: str) -> Settings:
    entry, items = study.config.generations[name], generated.items_of(study.config, name)
    own = {"dataset": items.dataset, "pool": items.pool}
    return {key: own.get(key, getattr(entry, key, None)) for key in TOLD}


def _grouped(study: Study, name: str) -> Settings:
    return {
        "generation": study.config.clusters[name].generation,
        "dataset": generated.dataset_of(study.config, name),
    }


def _learned(study: Study, job: Job) -> Settings:
    entry = study.config.models[job.wildcards["model"]].trained
    assert entry is not None, "it is trained here"
    return {"model": entry.base, "dataset": generated.labelled_items(study.config, entry.labels).dataset}
