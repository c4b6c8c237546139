"""Asks: what a model is asked in words, with slots for the question and for texts that it is shown beside it."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.prompts.forms import Ends, Form
from uphill.prompts.templates import PromptFormat, Question, assemble

FILE = Path(__file__).with_name("asks.yaml")
QUESTION, ANSWERS = "question", "answers"
Slot = Literal["answers", "own", "theirs", "doubt"]
"""What an ask can show beside the question: a numbered list of `answers`, or one text."""
SLOTS = (QUESTION, ANSWERS, "own", "theirs", "doubt")
_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Ask(BaseModel):
    """What a model is asked in words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(
        description="The whole prompt: {question} is the item in its dataset's form, choices included; {answers} a "
        "numbered list of texts; {own}, {theirs} and {doubt} one text each. Other braces stay as they are."
    )
    ends: Ends = Field(
        "model",
        description="Where what is written is over: where the model ends it, behind a stated answer, or with the first "
        "line that says anything.",
    )
    graded: bool = Field(True, description="Whether what is written answers the question, and is graded.")

    @model_validator(mode="after")
    def _slots_are_known(self) -> Self:
        if self.bare and self.ends != "model":
            raise ValueError(f"ends is {self.ends!r} beside the question alone, expected none: its dataset says where")
        for name in self.slots:
            if name not in SLOTS:
                raise ValueError(f"text has the slot {{{name}}}, expected one of {', '.join(SLOTS)}")
        if QUESTION not in self.slots:
            raise ValueError("text has no {question}, expected the slot of the item that is asked")
        return self

    @property
    def slots(self) -> list[str]:
        """Names of its slots, each once."""
        return list(dict.fromkeys(_SLOT.findall(self.text)))

    @property
    def beside(self) -> list[str]:
        """Slots that an item alone does not fill."""
        return [name for name in self.slots if name != QUESTION]

    @property
    def bare(self) -> bool:
        """Whether it is the question and nothing else."""
        return self.text.strip() == f"{{{QUESTION}}}"

    def filled(self, texts: Mapping[str, str]) -> str:
        """The prompt; what stands in a text is never taken for a slot.

        Raises:
            KeyError: a slot has no text.
        """
        return _SLOT.sub(lambda found: texts[found[1]], self.text)


def asked_in(form: Form, ask: Ask) -> PromptFormat:
    """The format of an ask's question: that of a dataset, with nothing behind the question, over where the ask says.

    An ask of the question alone is the dataset's own prompt to the end, which is what models are trained behind.
    """
    if ask.bare:
        return PromptFormat(form, cot=True)
    return PromptFormat({**form, "preface": "", "ends": ask.ends}, cot=True)


def put(asked: PromptFormat, ask: Ask, question: Question, beside: Mapping[str, str]) -> str:
    """The prompt of one item.

    Args:
        asked: the dataset's form, from `asked_in`.
        ask: what is asked.
        question: the item, of which its right answer is not read.
        beside: a text for each other slot.
    """
    query = asked.query(question)
    return assemble([], query, asked.instruction) if ask.bare else ask.filled({**beside, QUESTION: query})


def listed(texts: Sequence[str], most: int, longest: int) -> tuple[str, int]:
    """Texts as a numbered list, and how many of them are left out or cut.

    The first `most` are shown, each up to `longest` characters, and the list ends with how many are not: so that a
    prompt is cut nowhere else.
    """
    shown = [f"{text[:longest]} [...]" if len(text) > longest else text for text in texts[:most]]
    lines = [f"{number}. {text}" for number, text in enumerate(shown, 1)]
    left_out = max(0, len(texts) - most)
    if left_out:
        lines.append(f"(and {left_out} more)")
    return "\n".join(lines), left_out + sum(len(text) > longest for text in texts[:most])


@cache
def shipped_asks() -> Mapping[str, Ask]:
    """The asks that come with the library, by name."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: Ask.model_validate(entry) for name, entry in read.items()}
