"""Labels: one job for each that some arm trains on; it stands among those of predictions, after its teacher's."""

from uphill.config import labelled, trained
from uphill.experiments.arms import Arm
from uphill.schemas.names import GOLD
from uphill.weak_to_strong.interface import ROOM
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import labels_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study


def labels_of(study: Study, arm: Arm, method: str) -> str:
    """What a method is trained on in an arm; one that trains on nothing is the same with any labels."""
    return arm.labels if study.config.n_train(method) else GOLD


@once
def label(study: Study, name: str) -> Job:
    """One file of labels."""
    from uphill.workflow.stages.predictions import slices  # which imports this module

    own, arm = labelled.settings_of(study.config, name), labelled.teacher(study.config, name)
    kind = labelled.entries(study.config)[name]["kind"]
    read = {"questions": [items(study, own.dataset)]}
    if arm is not None:
        [method], [model] = arm.methods, arm.models
        read["predictions"] = [slices(study, method, model, arm.dataset, labels_of(study, arm, method))[arm.slice]]
        read["splits"] = [splits(study, arm.dataset, arm.split)]
        learned = [labels for labels, dataset, _ in trained.learned(study.config, model) if dataset == arm.dataset]
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

    return Job(
        rule="label",
        wildcards={"labels": name},
        title=f"Labels {name}",
        named=f"labels.{name}",
        record=f"labels/{name}",
        outputs={"labels": [labels_path(name)]},
        decide=decide,
        reads=read,
        code=[f"{ROOM}.{kind}"],
        from_config={"settings": f"labels.{name}", "grader": f"datasets.{own.dataset}.grader", "": f"labels.{name}"},
    )
