"""What a study would be able to tell apart, before anything is spent on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from uphill.config.study import Config
from uphill.experiments.arms import Arm
from uphill.planning.cells import n_levels
from uphill.planning.lengths import Lengths
from uphill.stats.power import Assumed, Design, detectable, items_for
from uphill.workflow.study import Study

BOOTS = (3, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Sight:
    """The smallest differences in accuracy that a study would find on one level's test items, as fractions.

    Attributes:
        experiment, dataset, variable: which part of the study.
        items, boots: of a level and of each condition.
        gain: trained against no supervision; `between`: one train level against another. NaN without enough boots.
        needed: boots and items that would find the margin; None where none in sight would.
    """

    experiment: str
    dataset: str
    variable: str
    items: int
    boots: int
    gain: float
    between: float
    needed: tuple[int, int] | None


def sights(study: Study, sizes: Mapping[str, Lengths]) -> list[Sight]:
    """What each part of a study would see, parts alike told once.

    Args:
        study: the study.
        sizes: by dataset, how many items it has; of others nothing is told.
    """
    return list(dict.fromkeys(_sights(study, sizes)))


def _sights(study: Study, sizes: Mapping[str, Lengths]) -> Iterator[Sight]:
    config, assumed = study.config, Assumed()
    alpha = 1.0 - config.statistics.coverage
    for arm in (arm for arm in study.arms() if arm.dataset in sizes):
        boots, items = arm.boots or config.splits.draws, _tested(config, arm, sizes[arm.dataset])
        gain, between = (Design(items, boots, trained, bool(config.splits.folds)) for trained in (1, 2))
        yield Sight(
            arm.experiment,
            arm.dataset,
            arm.variable,
            items,
            boots,
            detectable(gain, assumed, alpha),
            detectable(between, assumed, alpha),
            needed(between, assumed, alpha, config.statistics.margin, (boots, *BOOTS)),
        )


def needed(
    design: Design, assumed: Assumed, alpha: float, margin: float, boots: Sequence[int]
) -> tuple[int, int] | None:
    """The fewest boots, and with them items, that would find the margin between two train levels.

    Of numbers of boots, the first that can do it with at most ten times the items that there are.
    """
    for count in sorted(set(boots)):
        items = items_for(margin, Design(design.items, count, design.trained, design.folds), assumed, alpha)
        if items is not None and items <= 10 * design.items:
            return count, items
    return None


def _tested(config: Config, arm: Arm, sizes: Lengths) -> int:
    """About how many items of one level a boot tests; with folds, all folds together. Levels are of equal size."""
    levels = (
        n_levels(config, arm.dataset, arm.variable)
        if not arm.levels
        else max(1, sum(not one.equal for one in arm.levels))
    )
    there = (sizes.tested or sizes.items) / levels
    chosen = arm.n_test or config.datasets[arm.dataset].n_test or config.splits.n_test
    if chosen is not None:
        return max(2, min(round(chosen / levels), round(there)))
    reserved = 0 if sizes.tested or config.splits.folds else arm.n_train or config.splits.n_train
    return max(2, round(there - reserved))
