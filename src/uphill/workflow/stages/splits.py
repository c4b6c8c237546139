"""Who trains and who tests: of a variable, or of an experiment with sizes, levels or bands of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from uphill.config.study import ALL_VARIABLE
from uphill.experiments import Row
from uphill.splits.settings import SplitSettings
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import splits_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.measures import measures
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One a dataset and split."""
    yield from (splits(study, dataset, split) for dataset, split in sorted(drawn(study)))


@once
def drawn(study: Study) -> dict[tuple[str, str], Row]:
    """By (dataset, split) of each file of splits, the first row that asks for it."""
    found: dict[tuple[str, str], Row] = {}
    for row in study.rows():
        for name in row.involved:
            found.setdefault((name, row.split), row)
    return found


@once
def splits(study: Study, dataset: str, split: str) -> Job:
    """The splits of a dataset, which rest on its own variables' measures: a person's grades wait for no model."""
    row, entry = drawn(study)[dataset, split], study.config.datasets[dataset]
    bands = row.bands.get(dataset, {})
    graded_by = {band.variable for band in bands.values()} if row.bands else {row.variable} - {ALL_VARIABLE}

    def decide() -> Settings:
        return {
            "dataset": dataset,
            "variable": row.variable,
            "bands": {name: asdict(band) for name, band in bands.items()},
            "cuts": {name: plain(cut) for name, cut in entry.cuts.items() if name in graded_by},
            "sizes": asdict(_sizes(study, row, dataset)),
        }

    own = "" if row.split == row.variable else f" for {row.experiment}"
    return Job(
        rule="splits",
        wildcards={"dataset": dataset, "split": split},
        title=f"Splits of {dataset} by {split}",
        named=f"the splits of datasets.{dataset} by {row.variable}{own}",
        record=f"splits/{dataset}/{split}",
        outputs={"splits": [splits_path(dataset, split)]},
        decide=decide,
        reads={
            "questions": [items(study, dataset)],
            "measures": measures(study, dataset, tuple(sorted(graded_by))),
        },
        from_config={"cuts": f"datasets.{dataset}.cuts", "sizes": "splits", "sizes.seed": "seed"},
    )


def _sizes(study: Study, row: Row, dataset: str) -> SplitSettings:
    general, bands = study.config.splits, row.bands.get(dataset)
    n_test = study.config.datasets[dataset].n_test or general.n_test
    return SplitSettings(
        boots=row.boots or general.draws,
        n_train=row.n_train or general.n_train,
        n_test=n_test,
        min_test=1 if bands else general.min_test,
        seed=study.config.seed,
        own_test=general.own_test,
        fresh_test=general.fresh_test and n_test is not None,
        fixed_noise=general.fixed_noise,
        folds=general.folds is not None,
        train_on_test=general.train_on_test,
        train_on=_listed(row.train_on if dataset == row.dataset else row.rungs_of(dataset)),
        test_on=[] if bands and dataset != row.dataset else _listed(row.test_on),
    )


def _listed(names: Iterable[str] | None) -> list[str] | None:
    """Names as plain data."""
    return None if names is None else list(names)
