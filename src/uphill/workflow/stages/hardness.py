"""The hardness table of a dataset: all its measures, with levels."""

from collections.abc import Iterator

from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import hardness_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.measures import measures
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One a dataset."""
    yield from (hardness(study, dataset) for dataset in study.datasets)


@once
def hardness(study: Study, dataset: str) -> Job:
    """The hardness table of a dataset."""

    def decide() -> Settings:
        cuts = study.config.cuts(dataset)
        return {"cuts": {variable: plain(cut) for variable, cut in cuts.items()}, "seed": study.config.seed}

    return Job(
        rule="hardness",
        wildcards={"dataset": dataset},
        title=f"Hardness of {dataset}, with levels",
        named=f"the levels of datasets.{dataset}",
        record=f"hardness/{dataset}",
        outputs={"hardness": [hardness_path(dataset)]},
        decide=decide,
        reads={"questions": [items(study, dataset)], "measures": measures(study, dataset)},
        from_config={"cuts": f"datasets.{dataset}.cuts", "seed": "seed"},
    )
