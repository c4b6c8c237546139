"""What a grader is given and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field

from uphill import registry
from uphill.grading.thinking import after_thinking

Status = Literal["ok", "none", "ambiguous", "truncated", "timeout"]
"""Whether an answer was found: `truncated` where the token limit came before one, `ambiguous` where several stand."""


@dataclass(frozen=True)
class Item:
    """An item as a grader sees it.

    Attributes:
        answer_idx: index of the right choice; None where answers are written.
        metadata: the dataset's own columns (aliases, the sub-task, instructions to verify).
    """

    question: str = ""
    choices: Sequence[str] = ()
    answer_idx: int | None = None
    answer_text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """A model's raw output for one item: scores of its C choices, or a text.

    Attributes:
        scores: [C] summed log-probabilities (nats) of the choices; None for a text.
        n_tokens: [C] tokens of each choice, none where scores are no sums over tokens; of a text, its own alone.
        ended: whether the text came to its end; False where the token limit cut it off.
    """

    text: str | None = None
    scores: Sequence[float] | None = None
    n_tokens: Sequence[int] = ()
    ended: bool = True


@dataclass(frozen=True)
class Grade:
    """What was read off an output, and whether it is right.

    Attributes:
        parsed: the answer that was read, in a plain form; empty unless `status` is ok.
        correct: False unless `status` is ok.
        p_gold: probability of the right choice among all; None for a text.
        shares: [C] probability of each choice; None for a text.
        f1: overlap with the right answer, 0 to 1; None where the grader has no such measure.
    """

    status: Status
    parsed: str = ""
    correct: bool = False
    p_gold: float | None = None
    shares: Sequence[float] | None = None
    f1: float | None = None


class GraderSettings(BaseModel):
    """Settings of a grader: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextSettings(GraderSettings):
    """Settings of a grader that reads a text."""

    thinks: bool = Field(
        False,
        description="The model always thinks first, in a block that its chat template opens.",
    )


OF_SCORES, OF_TEXTS = "choice", "stated"
"""Graders where a dataset names none."""


class Grader(Protocol):
    """The interface of a module of this room.

    A module that never looks at an item's right answer says NEEDS_ANSWER = False.
    """

    @property
    def Settings(self) -> type[GraderSettings]:
        """The model of its config entry."""
        ...

    def grade(self, settings: Any, item: Item, output: Output) -> Grade:
        """The grade of an output."""
        ...


def grader_of(kind: str) -> Grader:
    """The grader of a name.

    Raises:
        KeyError: there is none.
    """
    return cast(Grader, registry.load("uphill.grading", kind, "grade"))


def reads_texts(kind: str) -> bool:
    """Whether a grader is for texts, not for scores of choices."""
    return issubclass(grader_of(kind).Settings, TextSettings)


def needs_answer(kind: str) -> bool:
    """Whether a grader compares with the right answer, as one does that does not say otherwise (NEEDS_ANSWER)."""
    return bool(getattr(grader_of(kind), "NEEDS_ANSWER", True))


def unread(output: Output) -> Grade:
    """The grade of a text in which no answer was found."""
    return Grade("none" if output.ended else "truncated")


def answer_part(settings: TextSettings, output: Output) -> str | None:
    """An output's text without what the model thought first; None where it never stopped thinking.

    Raises:
        ValueError: the output is no text.
    """
    if output.text is None:
        raise ValueError("scores of choices were given, expected a text")
    return after_thinking(output.text, settings.thinks)
