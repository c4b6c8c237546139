"""Training and test items of any difficulty."""

from collections.abc import Sequence

from pydantic import Field

from uphill.experiments.arms import Arm, Given, Tested
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Names

PLACE, NAMED = 2, False
DESCRIPTION = "Rows of the all-to-all experiment."


class AllToAll(Tested):
    """Training items of any difficulty, tested on all."""

    dataset: str = Field(description="The dataset that is trained and tested on.")
    methods: Names = Field(min_length=1, description="Names from `methods`.")


Entry = AllToAll


def arms(entry: AllToAll, name: str, given: Given) -> Sequence[Arm]:
    """One, of no variable."""
    levels = given.levels(entry.dataset, ALL)
    return [Arm(name, entry.dataset, ALL, levels, tuple(entry.methods), entry.tested(given))]
