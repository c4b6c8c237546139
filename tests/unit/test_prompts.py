"""Prompts from templates: the published forms, and a user's own."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from uphill.prompts.extraction import answer_end
from uphill.prompts.forms import Templates, shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published, zero_shot_form

ITEM = Question("What is red?", ["a rose", "the sea"], "a rose", "Roses are red.")
SHORT, REASONED = shipped().form("0306"), shipped().form("0305")


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
        (
            "0111",
            False,
            "What is red? choice: a rose choice: the sea a rose",
            "What is red? choice: a rose choice: the sea",
        ),
    ],
)
def test_published_forms(template: str, cot: bool, example: str, query: str) -> None:
    prompt_format = published(template, cot)
    assert prompt_format.template == template
    assert prompt_format.example(ITEM) == example
    assert prompt_format.query(ITEM) == query


@pytest.mark.parametrize(
    ("item", "cot_prompt", "prompt", "texts"),
    [
        (ITEM, REASONED, "Q: What is red?\nA:", ["a rose", "the sea"]),
        (Question("1 + 1?", [], "2", "One and one."), REASONED, "Q: 1 + 1?\nA:", ["One and one. So the answer is 2"]),
        (Question("1 + 1?", [], "2", "One and one."), None, "Q: 1 + 1?\nA:", ["2"]),
        (Question("1 + 1?", [], "2"), REASONED, "Q: 1 + 1?\nA:", ["2"]),
    ],
)
def test_what_is_scored_without_examples(
    item: Question, cot_prompt: dict | None, prompt: str, texts: list[str]
) -> None:
    assert zero_shot_form(item, SHORT, cot_prompt) == (prompt, texts)


def test_examples_and_query_stand_a_blank_line_apart_and_the_instruction_first() -> None:
    assert assemble(["one", "two"], "three") == "one\n\ntwo\n\nthree"
    assert assemble([], "three") == "three"
    assert assemble(["one"], "two", "Be brief.") == "Be brief.\none\n\ntwo"


def test_the_zero_shot_form_starts_with_the_instruction() -> None:
    own = shipped().extended(Templates(instruction={"b": "Be brief."}))
    assert zero_shot_form(ITEM, own.form("b306"), None)[0] == "Be brief.\nQ: What is red?\nA:"
    sum_ = Question("1 + 1?", [], "2", "One and one.")
    assert zero_shot_form(sum_, SHORT, own.form("b305"))[0] == "Be brief.\nQ: 1 + 1?\nA:"


def test_more_choices_than_letters_are_all_shown() -> None:
    shown = published("0040").query(Question("Which?", [f"c{n}" for n in range(28)]))
    assert "\nZ) c25\nAA) c26\nAB) c27\nAnswer:" in shown


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("1040", "no instruction template '1'"),
        ("0940", "no question template '9'"),
        ("0090", "no choices template '9'"),
        ("0048", "no label template '8'"),
        ("040", "expected four digits or letters"),
    ],
)
def test_unknown_template_is_named(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shipped().form(template)


def test_own_templates_are_added_and_take_the_place_of_shipped_ones() -> None:
    own = Templates.model_validate(
        yaml.safe_load(
            """
            instruction: {5: "Solve {this}."}
            question: {f: "Frage - {}"}
            choices: {n: {each: "({letter}) {}", between: "; ", last: "; or ", around: "[{}]"}}
            label: {a: "\\nAntwort: {}"}
            """
        )
    )
    asked = PromptFormat(shipped().extended(own).form("5fna"))
    three = Question("Was ist {rot}?", ["Rose {}", "Meer", "Gras {letter}"], "Rose {}")
    listed = "[(A) Rose {}; (B) Meer; or (C) Gras {letter}]"
    assert asked.prompt(three) == f"Solve {{this}}.\nFrage - Was ist {{rot}}? {listed}\nAntwort:"
    assert asked.example(three) == f"Frage - Was ist {{rot}}? {listed} \nAntwort: Rose {{}}"
    assert shipped().form("5305")["instruction"] != "Solve {this}."
    # The model goes on with a question of its own, which ends the answer in this form only.
    text = " Rose\n\nFrage - Was ist blau?\nAntwort: Meer"
    assert asked.answer_end(text) == text.index("\n\nFrage")
    assert answer_end(text) is None
    assert asked.answer_end("It is 5.\nQ: Who?\nA:") == len("It is 5.")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"question": {"x": "no slot"}}, "expected one {} in it"),
        ({"label": {"x": "{} and {}"}}, "expected one {} in it"),
        ({"choices": {"x": {"each": "{letter}"}}}, "expected one {} in it"),
        ({"choices": {"x": {"each": "{}", "betwen": " "}}}, "betwen"),
        ({"question": {"xy": "{}"}}, "xy"),
        ({"questions": {"x": "{}"}}, "questions"),
    ],
)
def test_a_wrong_template_is_refused(raw: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Templates.model_validate(raw)


def test_the_shipped_file_is_part_of_the_package() -> None:
    assert Path(__file__).parents[2].joinpath("src/uphill/prompts/templates.yaml").is_file()
    assert {key: len(getattr(shipped(), key)) for key in Templates.model_fields} == {
        "instruction": 2,
        "question": 7,
        "choices": 8,
        "label": 8,
    }


@pytest.mark.parametrize("label", ["\nAnswer: {}", "\nAnswer:{}", "{}", "\n{}", "The answer is: {}.", "\nA:  {}"])
@pytest.mark.parametrize("answer", ["cat", " cat"])
def test_examples_show_the_text_that_is_scored(label: str, answer: str) -> None:
    """The question that is asked, the space that scoring puts behind it, and the answer are the solved example."""
    templates = Templates.model_validate(
        {"instruction": {"0": ""}, "question": {"0": "Q: {}"}, "choices": {"0": None}, "label": {"0": label}}
    )
    form = dataclasses.replace(published("0000"), form=templates.form("0000"))
    item = Question("who?", answer=answer)
    asked = form.query(item)
    gap = "" if asked[-1:].isspace() or answer[:1].isspace() else " "
    rest = label.partition("{}")[2]
    # The published odd space before the label's line break stands in examples alone.
    assert form.example(item).replace(" \n", "\n", 1) == f"{asked}{gap}{answer}{rest}"
