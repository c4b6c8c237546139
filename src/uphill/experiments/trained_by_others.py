"""Arms of other experiments that an entry's tables are made of, where the entry itself trains nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from uphill.experiments.arms import Arm, Given
from uphill.schemas.names import ALL, GOLD
from uphill.schemas.own_scales import base_of

READ = ("population", "learning_curves", "cross_difficulty")
"""Experiments whose rows train on levels of one variable, with nothing else changed."""


def trained_arms(
    dataset: str,
    variables: tuple[str, Sequence[str]],
    methods: Sequence[str],
    models: Sequence[str],
    known: Sequence[Arm],
    given: Given,
    unsupervised: Mapping[str, str],
) -> list[Arm]:
    """Those of a dataset and some variables, each with the methods and models asked for.

    Args:
        dataset: that is tested on.
        variables: the entry's key that names them, and the names.
        methods, models: names; all that are trained unless there are any.
        known: every arm of the study.
        given: says which methods train.
        unsupervised: by dataset, the method without supervision, which is read beside the others.

    Raises:
        ValueError: what no row trains: the key, its value and what was expected.
    """
    own = [arm for arm in known if arm.kind in READ and arm.dataset == dataset and arm.variable != ALL]
    own = [arm for arm in own if arm.labels == GOLD]
    if not own:
        others = sorted({arm.dataset for arm in known if arm.kind in READ and arm.variable != ALL})
        raise ValueError(_unknown("dataset", dataset, others))
    found: list[Arm] = []
    key, names = variables
    for variable in names:
        by = [arm for arm in own if base_of(arm.variable) == variable]
        if not by:
            raise ValueError(_unknown(key, variable, sorted({base_of(arm.variable) for arm in own})))
        found += by
    trained = {method for arm in found for method in arm.methods if given.n_train(method)}
    run = {model for arm in found for model in arm.models}
    for named, asked, there in (("methods", methods, trained), ("models", models, run)):
        for one in asked:
            if one not in there:
                raise ValueError(_unknown(named, one, sorted(there)))
    kept = {*(methods or trained), unsupervised[dataset]}
    chosen = [_chosen(arm, kept, set(models) or run) for arm in found]
    return [arm for arm in chosen if arm.models and set(arm.methods) & trained]


def _chosen(arm: Arm, methods: set[str], models: set[str]) -> Arm:
    return replace(
        arm,
        methods=tuple(one for one in arm.methods if one in methods),
        models=tuple(one for one in arm.models if one in models),
    )


def _unknown(key: str, name: str, known: Sequence[str]) -> str:
    what = ", ".join(known) or "none"
    return f".{key} is {name!r}, expected what a row of {', '.join(READ)} trains with right answers: {what}"
