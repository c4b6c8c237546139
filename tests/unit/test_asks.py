"""Asks: every slot is filled once and by its own text; what is shipped is answered in a way that graders read."""

import re

import pytest
from pydantic import ValidationError

from uphill.grading import letter, number, span, stated
from uphill.grading.grade import Grader, Item, Output
from uphill.prompts.asks import SLOTS, Ask, asked_in, listed, put, shipped_asks
from uphill.prompts.forms import shipped
from uphill.prompts.templates import PromptFormat, Question, assemble, published

ITEM = Question("Which?", ["red", "blue"], "blue", "It is blue because the sky is.")
TEXTS = {"answers": "1. one", "own": "mine {theirs}", "theirs": "yours {question} {", "doubt": "N/A"}
GRADED: dict[str, list[tuple[Grader, Item]]] = {
    "choice": [(letter, Item("?", ["red", "blue", "green"], 1, "blue")), (stated, Item(answer_text="(B)"))],
    "number": [(number, Item(answer_text="12")), (stated, Item(answer_text="12"))],
    "open": [(span, Item(answer_text="Danube")), (stated, Item(answer_text="the Danube"))],
}


def test_every_slot_of_every_shipped_ask_is_filled_once_with_its_own_text() -> None:
    for name, ask in shipped_asks().items():
        expected = ask.text
        for slot in SLOTS:
            assert expected.count(f"{{{slot}}}") == (slot in ask.slots), name
            expected = expected.replace(f"{{{slot}}}", f"<{slot}>")
        assert ask.filled({slot: f"<{slot}>" for slot in SLOTS}) == expected
        assert not re.search(r"\{[a-z]+\}", expected)


def test_what_stands_in_a_text_is_no_slot() -> None:
    ask = Ask(text="{question}|{own}|{theirs}|{doubt}|{1}|{}")
    found = ask.filled({**TEXTS, "question": "{doubt}?"})
    assert found == "{doubt}?|mine {theirs}|yours {question} {|N/A|{1}|{}"
    with pytest.raises(KeyError, match="doubt"):
        ask.filled({"question": "?", "own": "", "theirs": ""})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{question} {oun}", "text has the slot {oun}, expected one of question, answers, own, theirs, doubt"),
        ("{question} {Own}", "text has the slot {Own}"),
        ("{own}", "text has no {question}"),
    ],
)
def test_unknown_slots_are_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        Ask(text=text)


def test_a_question_is_in_its_datasets_form_with_choices_and_without_its_answer() -> None:
    ask = Ask(text="{question}\n\nThink.", ends="model")
    form = asked_in(shipped().form("0040"), ask)
    assert put(form, ask, ITEM, {}) == "Question: Which? \nA) red\nB) blue\n\nThink."
    other = Question("Which?", ["red", "blue"], "red", "other")
    assert put(form, ask, other, {}) == put(form, ask, ITEM, {})
    assert put(asked_in(shipped().form("0305"), ask), ask, Question("2 + 2?"), {}) == "Q: 2 + 2?\n\nThink."


def test_an_answer_is_over_where_the_ask_says() -> None:
    text = "First.\nThe answer is 2.\nMore."
    ends = {
        one: asked_in(shipped().form("0305"), Ask(text="Say it. {question}", ends=one)).answer_end(text)
        for one in ("model", "line", "statement")
    }
    assert ends == {"model": None, "line": 6, "statement": text.index("\nMore")}


@pytest.mark.parametrize("kind", GRADED)
def test_the_last_line_that_is_asked_for_is_read_by_graders(kind: str) -> None:
    """The form in which an answer is asked for, and the reader of answers, are two halves of one protocol."""
    for name in (f"reason_{kind}", f"rewrite_{kind}"):
        line = shipped_asks()[name].text.strip().split("\n")[-1]
        for grader, item in GRADED[kind]:
            found = grader.grade(grader.Settings(), item, Output(f"I think so.\n{line}"))
            assert (found.status, found.correct) == ("ok", True), (name, grader)


def test_a_long_list_is_cut_inside_and_says_how_much_is_left_out() -> None:
    assert listed(["a", "b"], 5, 9) == ("1. a\n2. b", 0)
    texts = [f"{number} " + "x" * 500 for number in range(100)]
    found, lost = listed(texts, 20, 100)
    lines = found.split("\n")
    assert [line[:3] for line in lines[:2]] == ["1. ", "2. "]
    assert lines[0] == f"1. {texts[0][:100]} [...]"
    assert lines[-1] == "(and 80 more)"
    assert (len(lines), lost) == (21, 100)


def test_the_question_alone_is_the_dataset_s_prompt_to_its_end() -> None:
    item = Question("How many?", (), "7", "3 and 4 are 7.")
    for template in ("0305", "5305"):
        form, bare = published(template, cot=True).form, shipped_asks()["bare"]
        asked = asked_in(form, bare)
        whole = assemble([], PromptFormat(form, cot=True).query(item), form["instruction"])
        assert put(asked, bare, item, {}) == whole
        assert asked == PromptFormat(form, cot=True)
