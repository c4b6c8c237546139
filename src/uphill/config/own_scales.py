"""Scales that every tested model measures for itself: `models: each` of a measure.

A row that is cut by one has an arm for each of its models, on levels of that model's own; what follows knows a variable
of one model, named by `uphill.schemas.own_scales`, as it knows any other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from uphill.experiments.arms import Arm
from uphill.schemas.own_scales import own_name

if TYPE_CHECKING:
    from uphill.config.study import Config

KEY, EACH = "models", "each"
CUT = ("population", "learning_curves", "noisy_labels", "cross_difficulty")
"""Experiments whose rows hold no model against another, so that each may have levels of its own."""


def is_own(config: "Config", measure: str) -> bool:
    """Whether each tested model measures for itself."""
    return config.measures[measure].get(KEY) == EACH


def check_entry(name: str, entry: Mapping[str, Any], asks_models: bool) -> None:
    """Check who measures.

    Raises:
        ValueError: the key has another value, or the measure asks no model.
    """
    if KEY not in entry:
        return
    if entry[KEY] != EACH:
        raise ValueError(f"measures.{name}.{KEY} is {entry[KEY]!r}, expected {EACH!r}, or no such key: hardness_models")
    if not asks_models:
        raise ValueError(f"measures.{name}.{KEY} is {EACH!r}, expected no such key: the measure asks no hardness model")


def by_model(config: "Config", where: str, arm: Arm) -> Iterator[Arm]:
    """An arm, or one for each model of an arm that is cut by a scale of each model's own.

    Raises:
        ValueError: the experiment compares models, which such a scale cuts differently.
    """
    own = _cut_by(config, arm)
    if not own:
        yield arm
        return
    variable, measure = next(iter(own.items()))
    if arm.kind not in CUT:
        raise ValueError(
            f"{where} is cut by {variable!r}, which measures.{measure}.{KEY}: {EACH} makes another scale of for each "
            f"model; expected a scale of hardness_models, or a row of {', '.join(CUT)}"
        )
    for model in arm.models:
        levels = tuple(
            replace(level, variable=own_name(level.variable, model)) if level.variable in own else level
            for level in arm.levels
        )
        yield replace(arm, variable=own_name(arm.variable, model), levels=levels, models=(model,))


def measuring(config: "Config", whole: Iterable[Arm]) -> dict[tuple[str, str], list[str]]:
    """By (measure, dataset), the models that measure for themselves: those of rows that such a scale cuts.

    Args:
        config: the study's.
        whole: its arms, before `by_model`.
    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for arm in whole:
        for measure in _cut_by(config, arm).values():
            for dataset in arm.involved:
                found.setdefault((measure, dataset), {}).update(dict.fromkeys(arm.models))
    return {key: list(models) for key, models in found.items()}


def _cut_by(config: "Config", arm: Arm) -> dict[str, str]:
    """By variable that cuts levels of an arm and is each model's own, the measure."""
    cut_by = {level.variable for level in arm.levels}
    known = [name for name in config.measures if is_own(config, name)]
    return {
        variable: name
        for name in known
        for dataset in arm.involved
        if dataset in config.datasets
        for variable in config.measured_by(name, dataset)
        if variable in cut_by
    }
