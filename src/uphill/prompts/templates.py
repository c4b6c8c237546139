"""Items put into a form, and the assembly of few-shot prompts (Hase et al. 2024, code release).

`0040` is the form for ARC and MMLU, `0306` for short answers, `0305` with reasoning, `5305` with reasoning and no
examples. The odd spaces are the published ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_uppercase

from uphill.prompts.extraction import QUESTION_HEADS, answer_end, line_end
from uphill.prompts.forms import SLOT, Form, shipped

SEPARATOR = "\n\n"
# Of more choices than there are letters, too: A, ..., Z, AA, AB, ...
LETTERS = [*ascii_uppercase, *map("".join, product(ascii_uppercase, repeat=2))]


@dataclass(frozen=True)
class Question:
    """What a prompt shows of an item. `answer` and `reasoning` are needed for solved examples only."""

    question: str
    choices: Sequence[str] = ()
    answer: str = ""
    reasoning: str = ""


def separator(before: str, after: str) -> str:
    """What stands between the end of a prompt and its answer in one text: a space, unless there is white space."""
    return "" if not before or before[-1].isspace() or after[:1].isspace() else " "


def _filled(template: str, text: str) -> str:
    """A template with `text` in its slot. Unlike `format`, it takes other braces as they are."""
    return template.replace(SLOT, text)


@dataclass(frozen=True)
class PromptFormat:
    """A form, and whether the answer is reasoned out first (`cot`)."""

    form: Form
    cot: bool = False

    @property
    def template(self) -> str:
        """The form's id."""
        return self.form["template"]

    @property
    def instruction(self) -> str:
        """What stands first in a prompt, or nothing."""
        return self.form["instruction"]

    def _choices(self, choices: Sequence[str]) -> str:
        listed = self.form["choices"]
        if listed is None or not choices:
            return ""
        each, between = str(listed["each"]), str(listed["between"])
        *before, last = [
            _filled(each.replace("{letter}", LETTERS[place]).replace("{number}", str(place + 1)), choice)
            for place, choice in enumerate(choices)
        ]
        joint = between if listed["last"] is None else listed["last"]
        return _filled(str(listed["around"]), between.join(before) + joint + last if before else last)

    def _point(self, item: Question) -> str:
        return "".join(self.listed(item))

    def listed(self, item: Question) -> tuple[str, str]:
        """The question, and the choices as they stand behind it; nothing where none are shown."""
        choices = self._choices(item.choices)
        return _filled(self.form["question"], item.question), f" {choices}" if choices else ""

    @property
    def names_choices(self) -> bool:
        """Whether a choice is scored by its letter or number."""
        listed = self.form["choices"]
        return listed is not None and listed["answer"] != "text"

    def answers(self, choices: Sequence[str]) -> list[str]:
        """What is scored of an item's choices: their texts, letters or numbers."""
        listed = self.form["choices"]
        if listed is None or not self.names_choices:
            return list(choices)
        return [LETTERS[place] if listed["answer"] == "letter" else str(place + 1) for place in range(len(choices))]

    def answer(self, item: Question) -> str:
        """The right answer as it is scored.

        Raises:
            ValueError: it is none of the choices that a letter or number stands for.
        """
        # Choices that repeat each other are wrong ones, and of these the first will do.
        return self.answers(item.choices)[item.choices.index(item.answer)] if item.choices else item.answer

    def example(self, item: Question) -> str:
        """A solved example, gold answer (and reasoning) included."""
        preface = self.form["preface"] if self.cot else ""
        return self._answered(f"{self._point(item)}{preface} ", item)

    def solution(self, item: Question) -> str:
        """What a solved example shows of the answer: the label, behind the reasoning with `cot`."""
        return self._answered("", item)

    def _answered(self, before: str, item: Question) -> str:
        reasoned = f"{before}{item.reasoning} " if self.cot and self.form["reasons"] else before
        answer = self.answer(item) if self.names_choices else item.answer
        if self.form["answers"] == "apart":
            return reasoned + _filled(self.form["label"], answer)
        # As it is scored: behind the test point, a space, if there is no white space.
        label, _, rest = self.form["label"].partition(SLOT)
        asked = (reasoned + label).removesuffix(" ")
        return f"{asked}{separator(asked, answer)}{answer}{rest}"

    def query(self, item: Question) -> str:
        """The test point, up to where the model goes on.

        It ends without a space, which is the answer's; published prompts for models other than Llama keep it, as does a
        form with `trailing_space`.
        """
        if self.cot:
            return self._point(item) + self.form["preface"]
        label = self.form["label"]
        # What stands behind an answer is no part of what asks for it; published labels have nothing there.
        label = _filled(label, "") if self.form["answers"] == "apart" else label.partition(SLOT)[0]
        query = self._point(item) + (label if label.startswith("\n") else f" {label}")
        return query if self.form["trailing_space"] else query.removesuffix(" ")

    def prompt(self, item: Question, examples: Sequence[str] = ()) -> str:
        """The whole prompt of an item: the instruction, solved examples, the test point."""
        return assemble(examples, self.query(item), self.instruction)

    def answer_end(self, text: str) -> int | None:
        """Where an answer to this form is over, as its preface says; None while it may go on.

        A stated one is over as always, or where the model goes on with a question of this form.
        """
        if self.form["ends"] != "statement":
            return line_end(text) if self.form["ends"] == "line" else None
        return answer_end(text, (*QUESTION_HEADS, self.form["question"].partition(SLOT)[0].strip()))


def assemble(examples: Sequence[str], query: str, instruction: str = "") -> str:
    """A few-shot prompt: solved examples, then the test point, a blank line between any two; the instruction first."""
    return (f"{instruction}\n" if instruction else "") + SEPARATOR.join([*examples, query])


def published(template: str, cot: bool = False) -> PromptFormat:
    """A format of the published study, by its template id."""
    return PromptFormat(shipped().form(template), cot)


def zero_shot_form(item: Question, prompt: Form, cot_prompt: Form | None) -> tuple[str, list[str]]:
    """A prompt without examples, and the texts to score behind it.

    These are an item's choices, or their letters; of an item without any, its gold solution: reasoning and answer where
    it has reasoning and there is a `cot_prompt`, else the answer alone.
    """
    asked = PromptFormat(prompt)
    if item.choices:
        return asked.prompt(item), asked.answers(item.choices)
    if item.reasoning and cot_prompt:
        reasoned = PromptFormat(cot_prompt, cot=True)
        return reasoned.prompt(item), [reasoned.solution(item)]
    return asked.prompt(item), [item.answer]
