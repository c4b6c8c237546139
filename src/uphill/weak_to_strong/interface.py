"""The interface of a kind of labels, and the way to one by its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill import registry
from uphill.experiments.arms import Arm, Given
from uphill.schemas.names import EXPERIMENT_POOL

ROOM = "uphill.weak_to_strong.labels"


class LabelSettings(BaseModel):
    """What every kind of labels says of itself: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str = Field(
        description="The dataset whose items are labelled: those of its experiment pool, unless the kind has a pool."
    )

    @property
    def softly(self) -> bool:
        """Whether a label is a probability of each choice."""
        return False

    @property
    def of_pool(self) -> str:
        """The pool whose items are labelled."""
        return EXPERIMENT_POOL


@dataclass(frozen=True)
class Answers:
    """What a teacher says of some items.

    Attributes:
        predictions: rows of the predictions contract.
        trained: ids of the items that the teacher was trained on.
        grader: settings of the dataset's grader of scores.
    """

    predictions: pd.DataFrame
    trained: Sequence[str]
    grader: Mapping[str, Any]


class LabelKind(Protocol):
    """A module of this room.

    Attributes:
        GIVES_REASONING: whether its labels have the reasoning that leads to them.
    """

    GIVES_REASONING: bool

    @property
    def Settings(self) -> type[LabelSettings]:
        """The model of its config entry."""
        ...

    def arm(self, settings: Any, name: str, given: Given) -> Arm | None:
        """What it makes the workflow run, whose answers become the labels of that name; None for nothing."""
        ...

    def label(self, settings: Any, items: pd.DataFrame, answers: Answers | None) -> pd.DataFrame:
        """Rows of the labels contract.

        Args:
            settings: its own.
            items: the items that are labelled, rows of the items contract.
            answers: those of its arm, if it has one.

        Raises:
            UphillError: an item cannot be labelled.
        """
        ...


def label_kind(kind: str) -> LabelKind:
    """The kind of a name.

    Raises:
        KeyError: there is none.
    """
    return cast(LabelKind, registry.load(ROOM, kind, "label"))
