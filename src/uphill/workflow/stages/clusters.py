"""Clusters of a generation's texts: by answers on a CPU, by embeddings on what their model asks for."""

from collections.abc import Iterator

from uphill.config import generated
from uphill.identity.files import folder_digest
from uphill.running.places import shipped
from uphill.weak_to_strong.clustering import EMBEDDING
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import clusters_path
from uphill.workflow.stages.generations import grades, shards
from uphill.workflow.stages.items import items
from uphill.workflow.stages.models import keys_of, model_identity
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One an entry, whatever reads it."""
    yield from (clusters(study, name) for name in study.config.clusters)


@once
def clusters(study: Study, name: str) -> Job:
    """The clusters of a generation."""
    entry, dataset = study.config.clusters[name], generated.dataset_of(study.config, name)

    def decide() -> Settings:
        by_model = {} if entry.model is None else _embedder(study, entry.model)
        own = {"same": entry.same, "above": entry.above, "instruction": entry.instruction}
        return {"clusters": name, **own, "certain": plain(entry.certain), **by_model}

    graded = grades(study, entry.generation)
    return Job(
        rule="cluster",
        wildcards={"clusters": name},
        title=f"Clusters {name}",
        named=f"clusters.{name}",
        record=f"clusters/{name}",
        outputs={"clusters": [clusters_path(name)]},
        decide=decide,
        reads={
            "questions": [items(study, dataset)],
            "texts": shards(study, entry.generation),
            **({"grades": [graded]} if entry.same == "answer" and graded else {}),
        },
        code=[EMBEDDING] if entry.model else [],
        model=entry.model,
        from_config={**(keys_of(entry.model) if entry.model else {}), "": f"clusters.{name}"},
    )


def _embedder(study: Study, model: str) -> Settings:
    """A model with its parts, such as how states are pooled, which lie in folders of their own."""
    path = study.config.models[model].path
    # Of the hub's its revision says it.
    content = {} if path is None else {"parts_content": folder_digest(shipped(path), True)}
    return {"model": model_identity(study, model), **content}
