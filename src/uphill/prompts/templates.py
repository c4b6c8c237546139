"""Prompt templates of the easy-to-hard study and the assembly of few-shot prompts.

A template id has four digits: instruction, question, choices and label template (Hase et al. 2024, code release;
`0040` for ARC and MMLU, `0306` for short answers, `0305` with reasoning). The odd spaces are the published ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

QUESTIONS = {"0": "Question: {}", "1": "{}", "2": "Problem: {}", "3": "Q: {}"}
LABELS = {
    "0": "\nAnswer: {}",
    "1": "{}",
    "2": "\n{}",
    "3": "The answer is: {}",
    "4": "Therefore, the answer is {}",
    "5": "So the answer is {}",
    "6": "\nA: {}",
    "7": "\nSo the answer is {}",
}
COT_PREFACE = "\nA:"
SEPARATOR = "\n\n"
LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Question:
    """What a prompt shows of an item. `answer` and `reasoning` are needed for solved examples only."""

    question: str
    choices: Sequence[str] = ()
    answer: str = ""
    reasoning: str = ""


def _no_choices(choices: Sequence[str]) -> str:  # noqa: ARG001 - one signature for the table below
    return ""


def _lettered_lines(choices: Sequence[str]) -> str:
    return "".join(f"\n{letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False))


CHOICES = {"0": _no_choices, "4": _lettered_lines}


@dataclass(frozen=True)
class PromptFormat:
    """One prompt format: a four-digit template id, and whether the answer is reasoned out first (`cot`).

    Raises:
        ValueError: the id is not four digits, or names a template that does not exist.
    """

    template: str
    cot: bool = False

    def __post_init__(self) -> None:
        known = ({"0"}, QUESTIONS.keys(), CHOICES.keys(), LABELS.keys())
        parts = ("instruction", "question", "choices", "label")
        if len(self.template) != len(parts):
            raise ValueError(f"prompt template {self.template!r}: expected four digits, such as '0040'")
        for part, digit, allowed in zip(parts, self.template, known, strict=True):
            if digit not in allowed:
                raise ValueError(
                    f"prompt template {self.template!r}: no {part} template {digit!r}, "
                    f"expected one of {sorted(allowed)}"
                )

    def _point(self, item: Question) -> str:
        choices = CHOICES[self.template[2]](item.choices)
        return QUESTIONS[self.template[1]].format(item.question) + (f" {choices}" if choices else "")

    def example(self, item: Question) -> str:
        """A solved example, gold answer (and reasoning) included."""
        preface = COT_PREFACE if self.cot else ""
        return f"{self._point(item)}{preface} {self.solution(item)}"

    def solution(self, item: Question) -> str:
        """What a solved example shows of the answer: the label, behind the reasoning with `cot`."""
        label = LABELS[self.template[3]].format(item.answer)
        return f"{item.reasoning} {label}" if self.cot else label

    def query(self, item: Question) -> str:
        """The test point, up to where the model goes on. It ends without a space, so that the answer starts a word."""
        if self.cot:
            return self._point(item) + COT_PREFACE
        label = LABELS[self.template[3]].format("").rstrip(" ")
        return self._point(item) + (label if label.startswith("\n") else f" {label}")


def assemble(examples: Sequence[str], query: str) -> str:
    """A few-shot prompt: solved examples, then the test point, a blank line between any two."""
    return SEPARATOR.join([*examples, query])


def zero_shot_form(item: Question, prompt: str, cot_prompt: str | None) -> tuple[str, list[str]]:
    """A prompt without examples, and the texts to score behind it.

    These are an item's choices; of an item without any, its gold solution: reasoning and answer where it has reasoning
    and there is a `cot_prompt`, else the answer alone.
    """
    asked = PromptFormat(prompt)
    if item.choices:
        return asked.query(item), list(item.choices)
    if item.reasoning and cot_prompt:
        reasoned = PromptFormat(cot_prompt, cot=True)
        return reasoned.query(item), [reasoned.solution(item)]
    return asked.query(item), [item.answer]
