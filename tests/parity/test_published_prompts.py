"""Prompts of the easy-to-hard study to the character (spec: Hase et al. 2024, sections 7.1 and 7.2).

On real items, of files in the folder that `UPHILL_DATA` names, or in `../shared/data`; without them those tests are
skipped. ␣ marks a literal trailing space and ⏎ a line break, as in the spec.
"""

import os
from functools import cache
from itertools import product
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from uphill.datasets import ai2_arc, gsm8k, strategyqa
from uphill.methods.context import question_of
from uphill.prompts.forms import shipped
from uphill.prompts.templates import PromptFormat, Question, published

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
FOLDERS: dict[str, tuple[ModuleType, str]] = {
    "ai2_arc": (ai2_arc, "arc"),
    "gsm8k": (gsm8k, "gsm8k"),
    "strategyqa": (strategyqa, "strategyqa"),
}
real = pytest.mark.skipif(
    not all((DATA / folder).is_dir() for _, folder in FOLDERS.values()), reason=f"no published files in {DATA}"
)


@cache
def _items(kind: str) -> pd.DataFrame:
    module, folder = FOLDERS[kind]
    return module.load(module.Settings(folder=DATA / folder)).set_index("item_id")


def item(kind: str, item_id: str) -> Question:
    return question_of(_items(kind).loc[item_id].to_dict())


def marked(text: str) -> str:
    return text.replace("\n", "").replace("⏎", "\n").replace("␣", " ")


@real
def test_0040_on_arc() -> None:
    solved, asked = item("ai2_arc", "Mercury_175368"), item("ai2_arc", "Mercury_175560")
    form = published("0040")
    example = (
        "Question: Which of these describes a chemical change?␣⏎A) water freezing⏎B) paper burning⏎C) water becoming "
        "steam⏎D) paper being torn␣⏎Answer: paper burning"
    )
    query = "Question: What do waves carry through objects?␣⏎A) sound⏎B) light⏎C) energy⏎D) water⏎Answer:"
    assert form.example(solved) == marked(example)
    assert form.query(asked) == marked(query)
    assert form.prompt(asked, [form.example(solved)] * 2) == marked(f"{example}⏎⏎{example}⏎⏎{query}")
    # As published for models that are not called Llama.
    spaced = PromptFormat(shipped().form("0040", trailing_space=True))
    assert spaced.query(asked) == marked(f"{query}␣")
    assert spaced.example(solved) == marked(example)


@real
def test_0306_on_strategyqa() -> None:
    solved, asked = item("strategyqa", "006350ff7b263132b68d"), item("strategyqa", "0071170f6430e556011a")
    form = published("0306")
    example, query = "Q: Do carpenters understand geometry?␣⏎A: yes", "Q: Is white light the absence of color?⏎A:"
    assert form.example(solved) == marked(example)
    assert form.prompt(asked) == marked(query)
    assert form.prompt(asked, [form.example(solved)]) == marked(f"{example}⏎⏎{query}")


@real
def test_0305_on_strategyqa() -> None:
    solved, asked = item("strategyqa", "0071170f6430e556011a"), item("strategyqa", "006350ff7b263132b68d")
    form = published("0305", cot=True)
    example = (
        "Q: Is white light the absence of color?⏎A: White light is formed by the combination of red, green, and blue "
        "light. Instead, black is considered to be the absence of color. So the answer is no"
    )
    assert form.example(solved) == marked(example)
    assert form.prompt(asked, [form.example(solved)]) == marked(f"{example}⏎⏎Q: Do carpenters understand geometry?⏎A:")


TADPOLES = (
    "First find the number of tadpoles Trent released: 180 tadpoles * .75 = <<180*.75=135>>135 tadpoles⏎Then subtract "
    "the number he let go from the total number to find the number of tadpoles he keeps: 180 tadpoles - 135 tadpoles = "
    "<<180-135=45>>45 tadpoles"
)


@real
def test_0305_on_gsm8k() -> None:
    solved, asked = item("gsm8k", "train/0688"), item("gsm8k", "test/0462")
    form = published("0305", cot=True)
    question = "Q: Trent caught 180 tadpoles then let 75% of them go. How many did he keep?⏎A:"
    query = "Q: Ali had $21. Leila gave him half of her $100. How much does Ali have now?⏎A:"
    assert form.example(solved) == marked(f"{question} {TADPOLES} So the answer is 45")
    assert form.solution(solved) == marked(f"{TADPOLES} So the answer is 45")
    assert form.query(solved) == marked(question)
    assert form.prompt(asked) == marked(query)


@real
def test_5305_on_gsm8k() -> None:
    """The instruction's words are ours; how it joins the prompt is published."""
    instruction = shipped().instruction["5"]
    query = "Q: Ali had $21. Leila gave him half of her $100. How much does Ali have now?⏎A:"
    assert published("5305", cot=True).prompt(item("gsm8k", "test/0462")) == instruction + "\n" + marked(query)


def test_instruction_5_has_the_published_layout() -> None:
    opening, question, answer, *steps, closing, blank, invitation = shipped().instruction["5"].split("\n")
    assert "worksheet" in opening
    assert "maths word problems" in opening
    assert question.startswith("Q: ")
    assert answer.startswith("A: ")
    assert "step by step" in answer
    assert [step[:3] for step in steps] == [f"{number}. " for number in range(1, len(steps) + 1)]
    assert steps
    assert "the answer is" in closing
    assert blank == ""
    assert invitation


# -- 7.2, told once more, with the tables of 7.1 as lists ------------------------------------------------------------

QUESTIONS = ["Question: {}", "{}", "Problem: {}", "Q: {}"]
LABELS = [
    *("\nAnswer: {}", "{}", "\n{}", "The answer is: {}", "Therefore, the answer is {}", "So the answer is {}"),
    *("\nA: {}", "\nSo the answer is {}"),
]
CHATTY = 3


def listed(digit: int, choices: list[str]) -> str:
    if digit == 0 or not choices:
        return ""
    if digit in (1, 2, 3):
        return " ".join(f"{('choice', 'answer', 'option')[digit - 1]}: {choice}" for choice in choices)
    if digit == 4:
        return "".join(f"\n{letter}) {choice}" for letter, choice in zip("ABCDEFGH", choices, strict=False))
    if digit == 5:
        return "The choices are " + ", ".join(choices[:-1]) + ", and " + choices[-1]
    return "The choices are " + " and ".join(choices) if digit == 6 else " or ".join(choices) + "?"


def point(digits: list[int], it: Question) -> str:
    text = QUESTIONS[digits[1]].format(it.question)
    choices = listed(digits[2], list(it.choices))
    return text + " " + choices if choices != "" else text


def oracle(digits: list[int], cot: bool, llama: bool, examples: list[Question], asked: Question) -> str:
    text = ""
    for it in examples:
        text += point(digits, it)
        if cot:
            text += "\nA:" + " " + it.reasoning + " " + LABELS[digits[3]].format(it.answer)
        else:
            text += " " + LABELS[digits[3]].format(it.answer)
        text += "\n\n"
    text += point(digits, asked)
    if cot:
        text += "\nA:"
    else:
        label = LABELS[digits[3]].format("")
        text += label if label.startswith("\n") else " " + label
    if llama and text.endswith(" "):
        text = text[:-1]
    return {0: "", 5: shipped().instruction["5"] + "\n"}[digits[0]] + text


def test_every_combination_of_templates_is_put_together_as_published() -> None:
    """Question templates 4 to 6 are chatty, in words of ours; they take the place of a published one."""
    items = [
        Question("What {is} red?", ["a rose", "the {} sea", "a tile"], "a rose", "Roses are red.\nTiles are too."),
        Question("Is it 5 %s?", ["yes", "no", "{letter}", "5"], "no", "It is 4."),
        Question("How many?", [], "12", "One and 11."),
    ]
    checked = 0
    for digits in product((0, 5), range(len(QUESTIONS) + CHATTY), range(8), range(len(LABELS))):
        template = "".join(map(str, digits))
        if digits[1] < len(QUESTIONS):
            for cot, llama, asked, count in product((False, True), (False, True), items, (0, 2)):
                form = PromptFormat(shipped().form(template, trailing_space=not llama), cot)
                found = form.prompt(asked, [form.example(it) for it in items[:count]])
                expected = oracle(list(digits), cot, llama, items[:count], asked)
                assert found == expected, template
                checked += 1
        else:
            form = published(template)
            head, _, rest = form.query(items[0]).partition(items[0].question)
            assert head.endswith(": ")
            # Behind the question, all is as with a published one.
            assert rest == published(f"01{template[2:]}").query(items[0]).removeprefix(items[0].question)
    assert checked == 2 * 4 * 8 * 8 * 2 * 2 * 3 * 2
