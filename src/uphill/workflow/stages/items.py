"""Raw data to item tables."""

from collections.abc import Iterator

from uphill.datasets.pools import PoolFile
from uphill.identity.files import file_digest
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import items_path
from uphill.workflow.study import Study

LATER = {"near": None, "parts": 1}
"""Keys of pools that came later, and what they are where nothing is said."""


def jobs(study: Study) -> Iterator[Job]:
    """One a dataset, of an experiment, of a generation or of what a model is trained on."""
    yield from (items(study, dataset) for dataset in study.read_datasets)


def limit(study: Study, dataset: str) -> int | None:
    """How many items of a dataset are kept, if not all: by its own limit, and else by the study's."""
    own = study.config.datasets[dataset].limit
    return study.config.limit if own is None else own


@once
def items(study: Study, dataset: str) -> Job:
    """The item table of a dataset."""
    entry, kind = study.config.datasets[dataset], study.config.datasets[dataset].source["kind"]

    def decide() -> Settings:
        source = study.config.source_settings(dataset)
        files, named = [file_digest(str(path)) for path in getattr(source, "files", [])], entry.pools.hardness
        return {
            "dataset": dataset,
            "source": plain(source),
            # Without a key of later days, datasets are what they were before there was one.
            "pools": {key: value for key, value in plain(entry.pools).items() if LATER.get(key, ...) != value},
            "seed": study.config.seed,
            **({"pool_content": file_digest(str(named.ids))} if isinstance(named, PoolFile) else {}),
            **({"content": files} if files else {}),
            **({"binary": True} if entry.binary else {}),
            **({"stress": plain(entry.stress)} if entry.stress else {}),
            **({} if (kept := limit(study, dataset)) is None else {"limit": kept}),
            "kind": kind,
        }

    return Job(
        rule="items",
        wildcards={"dataset": dataset},
        title=f"Questions of {dataset}",
        named=f"datasets.{dataset}",
        record=f"items/{dataset}",
        outputs={"items": [items_path(dataset)]},
        decide=decide,
        code=[f"uphill.datasets.{kind}"],
        from_config={
            "source": f"datasets.{dataset}.source",
            "content": f"datasets.{dataset}.source",
            "pools": f"datasets.{dataset}.pools",
            "binary": f"datasets.{dataset}.binary",
            "stress": f"datasets.{dataset}.stress",
            "limit": "limit" if entry.limit is None else f"datasets.{dataset}.limit",
            "pool_content": f"datasets.{dataset}.pools.hardness.ids",
        },
    )
