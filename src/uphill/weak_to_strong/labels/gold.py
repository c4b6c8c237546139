"""A dataset's own answers: what other labels are held against."""

from string import ascii_uppercase
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

    stated: bool = Field(
        False,
        description="A label is a text of one sentence that states the answer, of choices their letter, for models "
        "that are trained to write.",
    )

    @property
    def of_pool(self) -> str:
        """The pool whose items are labelled."""
        return self.pool


def arm(settings: Settings, name: str, given: Given) -> Arm | None:  # noqa: ARG001 - the interface
    """Nothing is run for them."""
    return None


def label(settings: Settings, items: pd.DataFrame, answers: Answers | None) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The answers and the reasoning of the items, or sentences that state the answers."""
    text = items.apply(_sentence, axis=1) if settings.stated and len(items) else None
    return items.assign(text=text, soft=None, origin=GOLD)[LABELS.schema.names]


def _sentence(item: pd.Series) -> str:
    """As graders of letters, numbers and spans read it."""
    if not len(item["choices"]):
        return f"The answer is {item['answer_text']}."
    return f"The answer is ({ascii_uppercase[int(item['answer_idx'])]})."
