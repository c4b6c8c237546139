"""A dataset's own answers: what other labels are held against."""

from typing import Literal

import pandas as pd
from pydantic import Field

from uphill.experiments.arms import Arm, Given
from uphill.schemas.labels import LABELS
from uphill.schemas.names import GOLD
from uphill.weak_to_strong.interface import Answers, LabelSettings

GIVES_REASONING = True


class Settings(LabelSettings):
    """Of which dataset, and of which of its pools."""

    pool: Literal["supervisor", "experiment"] = Field(
        "experiment",
        description="Whose items are labelled: supervisor, to train a model that teaches; experiment, for all others.",
    )

    @property
    def of_pool(self) -> str:
        """The pool whose items are labelled."""
        return self.pool


def arm(settings: Settings, name: str, given: Given) -> Arm | None:  # noqa: ARG001 - the interface
    """Nothing is run for them."""
    return None


def label(settings: Settings, items: pd.DataFrame, answers: Answers | None) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The answers and the reasoning of the items."""
    return items.assign(text=None, soft=None, origin=GOLD)[LABELS.schema.names]
