"""Labels: one job for each that some arm trains on; it stands among those of predictions, after its teacher's.


Those that are texts of a generation are made whatever is trained on them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from uphill.config import generated, labelled, trained
from uphill.experiments.arms import Arm
from uphill.schemas.names import GOLD
from uphill.weak_to_strong.interface import ROOM, LabelSettings, TextLabels
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import labels_path
from uphill.workflow.stages.clusters import clusters
from uphill.workflow.stages.generations import grades, shards
from uphill.workflow.stages.items import items
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One an entry that is made of texts; others stand among predictions."""
    yield from (label(study, name) for name in generated.text_labels(study.config))


def labels_of(study: Study, arm: Arm, method: str) -> str:
    """What a method is trained on in an arm; one that trains on nothing is the same with any labels."""
    return arm.labels if study.config.n_train(method) else GOLD


@once
def label(study: Study, name: str) -> Job:
    """One file of labels."""
    from uphill.workflow.stages.predictions import slices  # which imports this module

    own = labelled.settings_of(study.config, name)
    if isinstance(own, TextLabels):
        return _of_texts(study, name, own)
    assert isinstance(own, LabelSettings), "there are two kinds"
    arm = labelled.teacher(study.config, name)
    kind = labelled.entries(study.config)[name]["kind"]
    read = {"questions": [items(study, own.dataset)]}
    if arm is not None:
        [method], [model] = arm.methods, arm.models
        read["predictions"] = [slices(study, method, model, arm.dataset, labels_of(study, arm, method))[arm.slice]]
        read["splits"] = [splits(study, arm.dataset, arm.split)]
        learned = [labels for labels, where in trained.learned(study.config, model) if where.dataset == arm.dataset]
        if learned:
            read["learned"] = [label(study, labels) for labels in learned]

    def decide() -> Settings:
        grader = study.config.grader(own.dataset, arm.methods[0])[1] if arm else None
        return {
            "labels": name,
            "kind": kind,
            "settings": plain(own),
            "slice": arm.slice if arm else None,
            "grader": plain(grader) if grader else {},
        }

    return _job(study, name, decide, read, {"grader": f"datasets.{own.dataset}.grader"})


def _of_texts(study: Study, name: str, own: TextLabels) -> Job:
    """Labels that are texts of a generation, with their grades, and the clusters that say which of them are taken."""
    kind, graded = labelled.entries(study.config)[name]["kind"], grades(study, own.texts)
    assert graded is not None, "the config's check asks for a generation that is graded"
    read = {
        "questions": [items(study, generated.dataset_of(study.config, own.texts))],
        "texts": shards(study, own.texts),
        "grades": [graded],
        **({} if own.sorted_by is None else {"clusters": [clusters(study, own.sorted_by)]}),
    }
    return _job(study, name, lambda: {"labels": name, "kind": kind, "settings": plain(own)}, read, {})


def _job(
    study: Study,
    name: str,
    decide: Callable[[], Settings],
    read: Mapping[str, Sequence[Job]],
    from_config: Mapping[str, str],
) -> Job:
    return Job(
        rule="label",
        wildcards={"labels": name},
        title=f"Labels {name}",
        named=f"labels.{name}",
        record=f"labels/{name}",
        outputs={"labels": [labels_path(name)]},
        decide=decide,
        reads=read,
        code=[f"{ROOM}.{labelled.entries(study.config)[name]['kind']}"],
        from_config={"settings": f"labels.{name}", **from_config, "": f"labels.{name}"},
    )
