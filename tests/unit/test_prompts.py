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
        ("00409", "no preface template '9'"),
        ("004000", "expected four digits or letters"),
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
        "choices": 10,
        "label": 8,
        "preface": 5,
    }


@pytest.mark.parametrize("label", ["\nAnswer: {}", "\nAnswer:{}", "{}", "\n{}", "The answer is: {}.", "\nA:  {}"])
@pytest.mark.parametrize("answer", ["cat", " cat"])
def test_examples_show_the_text_that_is_scored(label: str, answer: str) -> None:
    """The question that is asked, the space that scoring puts behind it, and the answer are the solved example."""
    templates = Templates.model_validate(
        {"instruction": {"0": ""}, "question": {"0": "Q: {}"}, "choices": {"0": None}, "label": {"0": label}}
        | {"preface": {"0": {"text": "\nA:"}}}
    )
    form = dataclasses.replace(published("0000"), form=templates.form("0000"))
    item = Question("who?", answer=answer)
    asked = form.query(item)
    gap = "" if asked[-1:].isspace() or answer[:1].isspace() else " "
    rest = label.partition("{}")[2]
    # The published odd space before the label's line break stands in examples alone.
    assert form.example(item).replace(" \n", "\n", 1) == f"{asked}{gap}{answer}{rest}"


# -- letters, numbers and prefaces -----------------------------------------------------------------------------------

LETTERED, NUMBERED = shipped().form("0080"), shipped().form("00n0")


def test_letters_are_scored_in_place_of_texts() -> None:
    shown = PromptFormat(LETTERED)
    assert shown.example(ITEM) == "Question: What is red? \nA) a rose\nB) the sea \nAnswer: A"
    assert zero_shot_form(ITEM, LETTERED, None) == (published("0040").query(ITEM), ["A", "B"])
    assert (shown.names_choices, PromptFormat(NUMBERED).names_choices) == (True, False)
    assert PromptFormat(LETTERED, cot=True).solution(ITEM) == "Roses are red. \nAnswer: A"
    assert shown.answers([f"c{n}" for n in range(28)])[-3:] == ["Z", "AA", "AB"]
    # Without choices there is nothing to name.
    assert zero_shot_form(Question("1 + 1?", [], "2"), LETTERED, None) == ("Question: 1 + 1?\nAnswer:", ["2"])


def test_of_equal_wrong_choices_a_noisy_label_names_the_first() -> None:
    assert PromptFormat(LETTERED).answer(Question("q?", ["x", "y", "y"], "y")) == "B"
    with pytest.raises(ValueError, match="'z'"):
        PromptFormat(LETTERED).answer(Question("q?", ["x", "y"], "z"))


def test_choices_are_numbered_and_numbers_scored() -> None:
    query = "Question: What is red? \n1 - a rose\n2 - the sea\nAnswer:"
    assert zero_shot_form(ITEM, NUMBERED, None) == (query, ["a rose", "the sea"])
    own = Templates.model_validate({"choices": {"m": {"each": "[{number}/{letter}] {}", "answer": "number"}}})
    form = shipped().extended(own).form("00m0")
    asked = "Question: What is red? [1/A] a rose[2/B] the sea\nAnswer:"
    assert zero_shot_form(ITEM, form, None) == (asked, ["1", "2"])
    eleven = Question("q?", [f"c{n}" for n in range(11)], "c10")
    assert PromptFormat(form).example(eleven).endswith("[11/K] c10 \nAnswer: 11")


@pytest.mark.parametrize(
    ("template", "example", "query"),
    [
        ("03050", "Q: What is red?\nA: Roses are red. So the answer is a rose", "Q: What is red?\nA:"),
        (
            "03051",
            "Q: What is red?\nLet's think step by step.\n1. Roses are red. So the answer is a rose",
            "Q: What is red?\nLet's think step by step.\n1.",
        ),
        ("03012", "Q: What is red?\nA: a rose", "Q: What is red?\nA:"),
        ("03052", "Q: What is red?\nA: So the answer is a rose", "Q: What is red?\nA:"),
        ("01014", "What is red? a rose", "What is red?"),
        (
            "00813",
            "Question: What is red? \nA) a rose\nB) the sea\nAnswer: A",
            "Question: What is red? \nA) a rose\nB) the sea\nAnswer:",
        ),
    ],
)
@pytest.mark.parametrize("answers", ["joined", "apart"])
def test_prefaces(template: str, example: str, query: str, answers: str) -> None:
    shown = PromptFormat(shipped().form(template, answers=answers), cot=True)
    assert (shown.example(ITEM), shown.query(ITEM)) == (example, query)
    # What is trained on stands behind the query as in an example.
    assert f"{query} {shown.solution(ITEM)}" == example


def test_the_preface_of_four_keys_is_the_first() -> None:
    assert {**shipped().form("03050"), "template": "0305"} == shipped().form("0305")


@pytest.mark.parametrize(
    ("text", "end"),
    [(" 18\n\nQ: Who", 3), ("\n\n 18 apples\n", 12), (" 18", None), ("\n \n", None), ("", None), ("5\n", 1)],
)
def test_an_answer_without_reasoning_ends_with_its_line(text: str, end: int | None) -> None:
    assert PromptFormat(shipped().form("03012"), cot=True).answer_end(text) == end


def test_an_answer_to_a_question_alone_ends_where_the_model_ends_it() -> None:
    shown = PromptFormat(shipped().form("01014"), cot=True)
    assert shown.prompt(Question("Say so.")) == "Say so."
    assert shown.answer_end("The answer is so.\nQ: no\n\nSo.\n") is None


def test_an_answer_without_reasoning_is_scored_alone() -> None:
    sum_ = Question("1 + 1?", [], "2", "One and one.")
    assert zero_shot_form(sum_, SHORT, shipped().form("03012")) == ("Q: 1 + 1?\nA:", ["2"])
