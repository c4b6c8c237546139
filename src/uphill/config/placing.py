"""Every arm that a config makes the workflow run, and where in the config each is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from uphill.config import labelled, own_scales
from uphill.config.narrowing import narrowed_arm
from uphill.config.trained import labels_behind
from uphill.experiments.arms import Arm, Labelled
from uphill.experiments.finding import experiments, implied_labels
from uphill.schemas.names import GOLD

if TYPE_CHECKING:
    from uphill.config.study import Config


def placed_arms(config: "Config") -> Iterator[tuple[str, Arm]]:
    """(where, arm): those of experiments, then those of teachers whose labels something is trained on.

    Raises:
        ValueError: an arm is cut by a scale that it cannot be cut by.
    """
    yield from ((where, own) for where, arm in whole_arms(config) for own in own_scales.by_model(config, where, arm))


def whole_arms(config: "Config") -> Iterator[tuple[str, Arm]]:
    """The same before each model that measures for itself has an arm of its own."""
    used: dict[str, None] = {}
    models = dict.fromkeys(config.hardness_models)
    models |= {model: None for panel in config.panels.values() for model in panel.models}
    models |= dict.fromkeys(_writers(config))
    for kind, module in experiments().items():
        for place, entry in config.entries(kind).items():
            for whole in module.arms(entry, place if module.NAMED else kind, config.given):
                if (arm := narrowed_arm(whole, config.only)) is None:
                    continue
                labels = entry.labels if isinstance(entry, Labelled) else arm.labels
                used[labels] = None
                models |= dict.fromkeys(arm.models)
                yield f"{kind}.{place}", _with_baseline(config, replace(arm, kind=kind, labels=labels))
            used |= dict.fromkeys(implied_labels(kind, entry))
    yield from labelled.teachers(config, labels_behind(config, models, used))


def _with_baseline(config: "Config", arm: Arm) -> Arm:
    if not arm.baseline or arm.dataset not in config.datasets:
        return arm
    return replace(arm, methods=tuple(dict.fromkeys([*arm.methods, config.datasets[arm.dataset].unsupervised])))


def used_labels(config: "Config") -> list[str]:
    """Names of labels that something is trained on: a method, or a model of the config."""
    arms = config.arms()
    models = [*config.hardness_models, *(model for panel in config.panels.values() for model in panel.models)]
    models += [*(model for arm in arms for model in arm.models), *_writers(config)]
    return [name for name in labels_behind(config, models, (arm.labels for arm in arms)) if name != GOLD]


def _writers(config: "Config") -> Iterator[str]:
    """Models that write texts, or read them."""
    yield from (entry.model for entry in config.generations.values())
    yield from (entry.model for entry in config.clusters.values() if entry.model is not None)
