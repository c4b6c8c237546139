"""Templates by their keys, from the shipped file and a user's own, and what an id of four keys stands for.

What travels through specs is a `Form`, the texts themselves, so that results depend on what was asked and not on the
name of a file.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

FILE = Path(__file__).with_name("templates.yaml")
SLOT = "{}"
FIRST = "0"
"""The preface of an id of four keys."""
Answers = Literal["joined", "apart"]
Ends = Literal["statement", "line", "model"]


def _one_slot(text: str) -> str:
    if text.count(SLOT) != 1:
        raise ValueError(f"{text!r}: expected one {SLOT} in it, where the item's own text goes")
    return text


def _texts_as_keys(entries: Any) -> Any:
    # YAML reads an unquoted digit as a number.
    return {str(key): value for key, value in entries.items()} if isinstance(entries, Mapping) else entries


Slotted = Annotated[str, AfterValidator(_one_slot)]
Key = Annotated[str, Field(pattern="^[A-Za-z0-9]$")]


class Choices(BaseModel):
    """How an item's choices are listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    each: Slotted = Field(description="One choice; {letter} is A, B, C, ... and {number} 1, 2, 3, ...")
    between: str = Field("", description="What stands between choices,")
    last: str | None = Field(None, description="and between the last two, where that differs.")
    around: Slotted = Field(SLOT, description="What stands around them all.")
    answer: Literal["text", "letter", "number"] = Field(
        "text", description="What is scored of a choice, and stands in examples as the answer."
    )


class Preface(BaseModel):
    """What stands between a question and the reasoning before its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(description="The text, at the end of a prompt too.")
    reasoning: bool = Field(
        True, description="Whether examples show their reasoning, and it is trained on; else the answer alone."
    )
    ends: Ends = Field(
        "statement",
        description="Where what is written is over: behind a stated answer, with the first line that says anything, or "
        "where the model ends it.",
    )


class Form(TypedDict):
    """What an item is put into: plain data.

    `choices` are the fields of a `Choices`, or None where none are shown. `trailing_space` keeps the space that a label
    template ends in before its slot. `preface` stands before reasoning, of which there is none unless `reasons`, and
    what is written is over where `ends` says. `answers` says whether an answer stands in an example as it is scored, in
    one text with what comes before it, or as its template has it.
    """

    template: str
    instruction: str
    question: str
    choices: Mapping[str, str | None] | None
    label: str
    preface: str
    reasons: bool
    ends: Ends
    trailing_space: bool
    answers: Answers


class Templates(BaseModel):
    """Every template there is, by section and key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: Annotated[dict[Key, str], BeforeValidator(_texts_as_keys)] = {}
    question: Annotated[dict[Key, Slotted], BeforeValidator(_texts_as_keys)] = {}
    choices: Annotated[dict[Key, Choices | None], BeforeValidator(_texts_as_keys)] = {}
    label: Annotated[dict[Key, Slotted], BeforeValidator(_texts_as_keys)] = {}
    preface: Annotated[dict[Key, Preface], BeforeValidator(_texts_as_keys)] = {}

    def extended(self, own: "Templates") -> "Templates":
        """These templates, with those of `own` added to them or in their place."""
        return Templates(
            instruction=self.instruction | own.instruction,
            question=self.question | own.question,
            choices=self.choices | own.choices,
            label=self.label | own.label,
            preface=self.preface | own.preface,
        )

    def form(self, template: str, trailing_space: bool = False, answers: Answers = "joined") -> Form:
        """What a template id stands for.

        Raises:
            ValueError: the id is not four keys, or names a template that does not exist.
        """
        sections: dict[str, Mapping[str, object]] = {
            "instruction": self.instruction,
            "question": self.question,
            "choices": self.choices,
            "label": self.label,
            "preface": self.preface,
        }
        if len(template) not in (len(sections) - 1, len(sections)):
            raise ValueError(
                f"prompt template {template!r}: expected four digits or letters, such as '0040', or five, such as "
                "'03051', of which the last is a preface"
            )
        keys = dict(zip(sections, template if len(template) == len(sections) else template + FIRST, strict=True))
        for section, known in sections.items():
            if keys[section] not in known:
                raise ValueError(
                    f"prompt template {template!r}: no {section} template {keys[section]!r}, "
                    f"expected one of {sorted(known)}"
                )
        listed, preface = self.choices[keys["choices"]], self.preface[keys["preface"]]
        return Form(
            template=template,
            instruction=self.instruction[keys["instruction"]],
            question=self.question[keys["question"]],
            choices=None if listed is None else listed.model_dump(),
            label=self.label[keys["label"]],
            preface=preface.text,
            reasons=preface.reasoning,
            ends=preface.ends,
            trailing_space=trailing_space,
            answers=answers,
        )


@cache
def shipped() -> Templates:
    """The templates of the published study."""
    return Templates.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
