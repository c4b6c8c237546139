"""Prompts are the published ones to the character; answers are read off generated text as the study does."""

import pytest

from uphill.prompts import PromptFormat, Question, assemble, extract_answer, same_answer, zero_shot_form

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


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 up 4 is 7. So the answer is 7", "7"),
        ("So the answer is 7.\n\nQ: another question\nA: So the answer is 9", "7"),
        ("So the answer is $1,080.", "1080"),
        ("So the answer is -5", "-5"),
        ("So the answer is 5.00", "5"),
        ("So the answer is 18 dollars", "18"),
        ("the answer is yes, the answer is no", "yes,"),
        ("So the answer is Yes.", "yes"),
        ("3/4 is what I say", ""),
        ("", ""),
    ],
)
def test_answers_are_read_off_the_first_line(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("prediction", "gold", "same"),
    [("1080", "1,080", True), ("-5", "-5", True), ("18", "18.0", True), ("3/4", "34", False), ("", "", False)],
)
def test_answers_match_in_value(prediction: str, gold: str, same: bool) -> None:
    assert same_answer(prediction, gold) is same
