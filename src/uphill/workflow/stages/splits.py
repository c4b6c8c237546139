"""Who trains and who tests: of a variable, or of an experiment with sizes or levels of its own."""

from collections.abc import Iterator
from dataclasses import asdict, replace

from uphill.config.study import ALL_VARIABLE
from uphill.experiments.arms import Arm
from uphill.schemas.names import EXPERIMENT_POOL
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
def drawn(study: Study) -> dict[tuple[str, str], Arm]:
    """By (dataset, split) of each file of splits, the first arm that asks for it."""
    found: dict[tuple[str, str], Arm] = {}
    for arm in study.arms():
        for name in arm.involved:
            found.setdefault((name, arm.split), arm)
    return found


@once
def splits(study: Study, dataset: str, split: str) -> Job:
    """The splits of a dataset, which rest on its own variables' measures: a person's grades wait for no model."""
    arm = drawn(study)[dataset, split]
    graded_by = {level.variable for level in arm.levels_in(dataset)} - {ALL_VARIABLE}

    def decide() -> Settings:
        """`order` names every level of the arm, easiest first; `levels` says which of the dataset's items they are."""
        return {
            "dataset": dataset,
            "variable": arm.variable,
            "order": list(arm.order),
            "levels": {level.name: level.definition for level in arm.levels_in(dataset) if not level.equal},
            "pools": {"train": arm.train_pool, "test": list(arm.test_pools)},
            "cuts": {name: plain(cut) for name, cut in study.config.cuts(dataset).items() if name in graded_by},
            "sizes": asdict(_sizes(study, arm, dataset)),
        }

    own = "" if arm.split == arm.variable else f" for {arm.experiment}"
    return Job(
        rule="splits",
        wildcards={"dataset": dataset, "split": split},
        title=f"Splits of {dataset} by {split}",
        named=f"the splits of datasets.{dataset} by {arm.variable}{own}",
        record=f"splits/{dataset}/{split}",
        outputs={"splits": [splits_path(dataset, split)]},
        decide=decide,
        reads={
            "questions": [items(study, dataset)],
            "measures": measures(study, dataset, tuple(sorted(graded_by))),
        },
        from_config={"cuts": f"datasets.{dataset}.cuts", "sizes": "splits", "sizes.seed": "seed"},
    )


def _sizes(study: Study, arm: Arm, dataset: str) -> SplitSettings:
    general = study.config.splits
    n_test = arm.n_test or study.config.datasets[dataset].n_test or general.n_test
    trained = arm.train_on if dataset == arm.dataset else arm.some_in(dataset, arm.train_on)
    if arm.train_pool != EXPERIMENT_POOL:
        n_test = None  # a teacher answers all that may be trained on, or tested
    found = SplitSettings(
        boots=arm.boots or general.draws,
        n_train=arm.n_train or general.n_train,
        n_test=n_test,
        min_test=general.min_test if arm.min_test is None else arm.min_test,
        seed=study.config.seed,
        own_test=general.own_test,
        fresh_test=general.fresh_test and n_test is not None,
        fixed_noise=general.fixed_noise,
        folds=general.folds is not None,
        train_on_test=general.train_on_test,
        train_on=None if trained is None else list(trained),
        test_on=arm.some_in(dataset, arm.test_on),
        levels=[level.name for level in arm.levels_in(dataset) if not level.equal],
        mixes={level.name: list(level.parts) for level in arm.levels_in(dataset) if level.equal},
    )
    if arm.train_pool == EXPERIMENT_POOL:
        return found
    return replace(found, own_test=False, fresh_test=False, folds=False, train_on_test=False)
