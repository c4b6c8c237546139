"""Prompts are the published ones to the character."""

import pytest

from uphill.prompts import PromptFormat, Question, assemble, zero_shot_form

ITEM = Question("What is red?", ["a rose", "the sea"], "a rose", "Roses are red.")


@pytest.mark.parametrize(
    ("template", "cot", "example", "query"),
    [
        (
            "0040",
            False,
            "Question: What is red? \nA) a rose\nB) the sea \nAnswer: a rose",
            "Question: What is red? \nA) a rose\nB) the sea\nAnswer:",
        ),
        ("0306", False, "Q: What is red? \nA: a rose", "Q: What is red?\nA:"),
        ("0305", True, "Q: What is red?\nA: Roses are red. So the answer is a rose", "Q: What is red?\nA:"),
    ],
)
def test_published_forms(template: str, cot: bool, example: str, query: str) -> None:
    prompt_format = PromptFormat(template, cot)
    assert prompt_format.example(ITEM) == example
    assert prompt_format.query(ITEM) == query


@pytest.mark.parametrize(
    ("item", "cot_prompt", "prompt", "texts"),
    [
        (ITEM, "0305", "Q: What is red?\nA:", ["a rose", "the sea"]),
        (Question("1 + 1?", [], "2", "One and one."), "0305", "Q: 1 + 1?\nA:", ["One and one. So the answer is 2"]),
        (Question("1 + 1?", [], "2", "One and one."), None, "Q: 1 + 1?\nA:", ["2"]),
        (Question("1 + 1?", [], "2"), "0305", "Q: 1 + 1?\nA:", ["2"]),
    ],
)
def test_what_is_scored_without_examples(item: Question, cot_prompt: str | None, prompt: str, texts: list[str]) -> None:
    assert zero_shot_form(item, "0306", cot_prompt) == (prompt, texts)


def test_examples_and_query_stand_a_blank_line_apart() -> None:
    assert assemble(["one", "two"], "three") == "one\n\ntwo\n\nthree"
    assert assemble([], "three") == "three"


@pytest.mark.parametrize(("template", "part"), [("1040", "instruction"), ("0940", "question"), ("0048", "label")])
def test_unknown_template_is_named(template: str, part: str) -> None:
    with pytest.raises(ValueError, match=f"no {part} template"):
        PromptFormat(template)
