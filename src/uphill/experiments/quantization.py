"""Models beside their quantized selves."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from uphill.experiments.arms import Arm, Given, Labelled
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED = 5, False
DESCRIPTION = "Rows of the comparison with quantized models."


class Quantization(Labelled):
    """Models beside their quantized selves, trained and tested on items of any difficulty."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")
    pairs: dict[str, str] = Field(min_length=1, description="The quantized model, by the full one.")


Entry = Quantization


def arms(entry: Quantization, name: str, given: Given) -> Sequence[Arm]:
    """One, of both models of each pair."""
    models = tuple(dict.fromkeys([*entry.pairs, *entry.pairs.values()]))
    levels = given.levels(entry.dataset, ALL)
    run = (tuple(entry.methods), models)
    return [Arm(name, entry.dataset, ALL, levels, *run, pairs=entry.pairs, baseline=False)]


def settings(arms: Sequence[Arm]) -> Mapping[str, Any]:
    """By dataset, the quantized model of each full one."""
    found: dict[str, dict[str, str]] = {}
    for arm in arms:
        found.setdefault(arm.dataset, {}).update(arm.pairs)
    return {"pairs": found}
