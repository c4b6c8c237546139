"""The interface of a kind of labels, and the way to one by its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from uphill import registry
from uphill.experiments.arms import Arm, Given
from uphill.schemas.names import EXPERIMENT_POOL

ROOM = "uphill.weak_to_strong.labels"


class AnyLabels(BaseModel):
    """What every kind of labels has: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def softly(self) -> bool:
        """Whether a label is a probability of each choice."""
        return False

    @property
    def least(self) -> float | None:
        """Above which probability of the teacher an item is taught; None where each is."""
        return None


class LabelSettings(AnyLabels):
    """What labels say of themselves that are of a whole dataset."""

    dataset: str = Field(
        description="The dataset whose items are labelled: those of its experiment pool, unless the kind has a pool."
    )

    @property
    def of_pool(self) -> str:
        """The pool whose items are labelled."""
        return EXPERIMENT_POOL


class TextLabels(AnyLabels):
    """What labels say of themselves that are made of texts: their items are those of the texts."""

    @property
    def texts(self) -> str:
        """The generation whose texts they are."""
        raise NotImplementedError

    @property
    def sorted_by(self) -> str | None:
        """The clusters by which items are told apart, if any."""
        return None

    @property
    def one_text(self) -> bool:
        """Whether the generation must have one text for each item."""
        return False


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


@dataclass(frozen=True)
class Written:
    """Texts of some items.

    Attributes:
        texts: rows of the generations contract, with `parsed` and `correct` of their grades.
        clusters: rows of the clusters contract, where the labels are sorted by some.
        counts: what the kind says of the items, by name, for the record of the file.
    """

    texts: pd.DataFrame
    clusters: pd.DataFrame | None = None
    counts: dict[str, int] = field(default_factory=dict)


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


class TextKind(Protocol):
    """A module of this room whose labels are texts of a generation."""

    @property
    def Settings(self) -> type[TextLabels]:
        """The model of its config entry."""
        ...

    def label(self, settings: Any, items: pd.DataFrame, written: Written) -> pd.DataFrame:
        """Rows of the labels contract.

        Args:
            settings: its own.
            items: all items of the dataset, rows of the items contract.
            written: what it makes labels of; the kind adds to its counts.

        Raises:
            UphillError: an item cannot be labelled.
        """
        ...


def label_kind(kind: str) -> LabelKind:
    """The kind of a name, of labels that are of a whole dataset.

    Raises:
        KeyError: there is none.
    """
    return cast(LabelKind, registry.load(ROOM, kind, "label"))


def text_kind(kind: str) -> TextKind:
    """The kind of a name, of labels that are texts.

    Raises:
        KeyError: there is none.
    """
    return cast(TextKind, registry.load(ROOM, kind, "label"))
