"""Labels of a config: their entries, who gives them, and whether methods can be trained on them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from uphill import registry
from uphill.experiments.arms import TEACHERS, Arm
from uphill.experiments.finding import experiments, implied_labels
from uphill.methods.interface import takes_soft
from uphill.schemas.names import ALL, EXPERIMENT_POOL, GOLD, SUPERVISOR_POOL
from uphill.weak_to_strong.interface import AnyLabels, LabelKind, LabelSettings, TextLabels, label_kind

if TYPE_CHECKING:
    from uphill.config.study import Config


def entries(config: "Config") -> Mapping[str, dict[str, Any]]:
    """Entries of labels by name: those of the config, and those that entries of experiments imply."""
    return config.label_entries


def found(config: "Config") -> dict[str, dict[str, Any]]:
    """The same, as they are found: `entries` asks for it once."""
    found = dict(config.labels)
    for kind in experiments():
        for entry in config.entries(kind).values():
            found |= implied_labels(kind, entry)
    return found


def kind_of(config: "Config", name: str) -> LabelKind:
    """The module that an entry of labels names."""
    return label_kind(entries(config)[name]["kind"])


def settings_of(config: "Config", name: str) -> AnyLabels:
    """An entry of labels as its module's settings."""
    own = {key: value for key, value in entries(config)[name].items() if key != "kind"}
    found = registry.settings_of(kind_of(config, name), own)
    assert isinstance(found, AnyLabels), "of every kind of labels"
    return found


def pool_of(config: "Config", name: str) -> str:
    """The pool whose items labels are of; of right answers, or of a name that nothing has, the supervisor pool."""
    if name == GOLD or name not in entries(config):
        return SUPERVISOR_POOL
    own = settings_of(config, name)
    return own.of_pool if isinstance(own, LabelSettings) else SUPERVISOR_POOL


def teacher(config: "Config", name: str) -> Arm | None:
    """The arm whose answers become the labels of a name, if it is known and they are a model's."""
    if name not in entries(config) or isinstance(own := settings_of(config, name), TextLabels):
        return None
    arm = kind_of(config, name).arm(own, name, config.given)
    return None if arm is None else replace(arm, kind=TEACHERS)


def teachers(config: "Config", names: Iterable[str]) -> Iterator[tuple[str, Arm]]:
    """Where in the config each teacher is, and its arm; one where several labels are of one teacher."""
    seen: set[tuple[str, ...]] = set()
    for name in names:
        arm = teacher(config, name)
        if arm is not None:
            who = (*arm.methods, *arm.models, arm.dataset, arm.slice, arm.labels)
            if who not in seen:
                yield f"labels.{name}", arm
            seen.add(who)


def check_fit(config: "Config", where: str, method: str, arm: Arm) -> None:
    """Whether a method can be trained on an arm's labels, and a teacher's answers can be labels.

    Raises:
        ValueError: not so.
    """
    scores, trains = not getattr(config.method_settings(method), "cot", False), config.n_train(method)
    if arm.kind == TEACHERS:
        if not scores:
            raise ValueError(f"{where}: {method!r} writes answers, expected a method that scores choices")
        if not trains and (arm.labels, arm.train_on) != (GOLD, (ALL,)):
            raise ValueError(
                f"{where}: {method!r} trains on nothing, expected no labels and no level that it learns, or a method "
                "that is trained"
            )
        if not config.datasets[arm.dataset].pools.supervisor:
            raise ValueError(
                f"{where}: datasets.{arm.dataset}.pools.supervisor is 0, expected items to train the teacher on"
            )
        _check_pools(config, where, arm)
    if arm.labels == GOLD or not trains:
        return
    own = settings_of(config, arm.labels)
    if not isinstance(own, LabelSettings):
        raise ValueError(
            f"{where}: labels {arm.labels!r} are texts, which no method of an experiment is trained on; expected "
            "labels of another kind"
        )
    for dataset in arm.sources:
        if dataset != own.dataset:
            raise ValueError(
                f"{where}: labels {arm.labels!r} are of dataset {own.dataset!r}, expected some of {dataset!r}"
            )
    if own.of_pool != arm.train_pool:
        raise ValueError(
            f"{where}: labels {arm.labels!r} are of the {own.of_pool} pool, expected some of the {arm.train_pool} "
            "pool, whose items are trained on"
        )
    if own.softly and not takes_soft(config.method_module(method)):
        raise ValueError(
            f"{where}: labels {arm.labels!r} are soft, which {method!r} cannot be trained on; expected soft: false, or "
            "a method that takes probabilities, such as probe"
        )
    if not scores and not kind_of(config, arm.labels).GIVES_REASONING:
        raise ValueError(
            f"{where}: labels {arm.labels!r} have no reasoning, which {method!r} is trained on; expected a method "
            "without cot"
        )


def _check_pools(config: "Config", where: str, arm: Arm) -> None:
    """Whether a teacher learns of one part of the supervisor pool, and labels another pool."""
    known = config.datasets[arm.dataset].pools.supervisors
    if arm.train_pool not in known:
        raise ValueError(
            f"{where}: the teacher learns of the {arm.train_pool} pool of dataset {arm.dataset!r}, by labels "
            f"{arm.labels!r}, expected labels of {' or '.join(known)}"
        )
    if arm.answers not in {EXPERIMENT_POOL, *known} - {arm.train_pool}:
        others = [name for name in (EXPERIMENT_POOL, *known) if name != arm.train_pool]
        raise ValueError(
            f"{where}: pool is {arm.answers!r}, and the teacher learns of {arm.train_pool!r}, expected "
            f"{' or '.join(others)}; see pools.parts of the dataset"
        )
