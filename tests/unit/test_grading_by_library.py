"""Graders whose comparison is another library's: formulas, and verified instructions."""

from threading import Thread

import pytest

from uphill.grading import ifeval, math
from uphill.grading.grade import Grade, Item, Output

pytest.importorskip("math_verify")
pytest.importorskip("lm_eval")

EQUAL = [
    (r"\dfrac{9}{7}", r"\boxed{\frac97}", True),
    (r"\sqrt{17}", r"\boxed{\sqrt{17}}", True),
    ("73", "**73**", True),
    (r"\frac{1}{2^{99}}", r"\boxed{\frac{1}{2^{98}}}", False),
    (r"1-\frac1e", r"\boxed{1+\frac1e}", False),
    ("3x-y+13=0", r"\boxed{3x+4y+14=0}", False),
    ("1331, 1728", r"\boxed{1728}", False),
    ("1331, 1728", r"\boxed{1728, 1331}", True),
    (r"\pm 2021", r"\boxed{2021}", False),
    ("12:00", r"\boxed{1:00}", False),
    ("(0,1)", r"\boxed{[0,1]}", False),
    ("(0, 12.5)", r"\boxed{0<x<12.5}", False),
    ("0<x<12.5", r"\boxed{(0,12.5)}", True),
    ("5", r"\boxed{x=5}", True),
    (r"\frac13", r"\boxed{0.333}", False),
    (r"\frac13", r"\boxed{0.333333}", True),
    (r"\text{June 20}", r"\boxed{June\ 20}", True),
    ("[1, 2]", r"\boxed{[1,2]}", True),
    ("4", r"\boxed{3} or \boxed{4}", True),
    ("5", r"\boxed 5", True),
    ("42", r"so \[ \boxed{42} \]", True),
    ("7", "The answer is $7$.", True),
]


@pytest.mark.parametrize(("gold", "text", "same"), EQUAL)
def test_formulas(gold: str, text: str, same: bool) -> None:
    grade = math.grade(math.Settings(seconds=20), Item(answer_text=gold), Output(text=text))
    assert (grade.status, grade.correct) == ("ok", same)


@pytest.mark.parametrize("gold", [gold for gold, _, _ in EQUAL])
def test_every_right_answer_is_its_own(gold: str) -> None:
    """Of swapped sides and of answers that cannot be read, this fails."""
    text = rf"Hence \boxed{{{gold}}}."
    assert math.grade(math.Settings(seconds=20), Item(answer_text=gold), Output(text=text)).correct


def test_texts_without_a_final_answer() -> None:
    item, settings = Item(answer_text=r"\frac12"), math.Settings()
    long = "There were 3 apples and 7 pears, and of those some were green while others were red: 7"
    assert math.grade(settings, item, Output(text=long)).status == "none"
    assert math.grade(settings, item, Output(text=r"\boxed{\frac{1}{2", ended=False)).status == "truncated"
    assert math.grade(settings, item, Output(text=long, ended=False)).status == "truncated"


def test_a_tower_of_powers_ends_in_time_in_any_thread() -> None:
    found: list[Grade] = []

    def ask() -> None:
        tower = Output(text=r"\[2003^{2002^{2001}}\]")
        found.append(math.grade(math.Settings(seconds=1), Item(answer_text="5"), tower))

    thread = Thread(target=ask)
    thread.start()
    thread.join(timeout=30)
    assert [grade.status for grade in found] == ["timeout"]
    # The next comparison has a process again.
    assert math.grade(math.Settings(seconds=20), Item(answer_text="6"), Output(text=r"\boxed{6.0}")).correct


CAPITALS = "THIS IS AN ENGLISH SENTENCE. EVERY LETTER IS CAPITALIZED!!! AMAZING."


def followed(text: str, *instructions: tuple[str, dict[str, object]], mode: str = "strict") -> Grade:
    metadata = {
        "instruction_id_list": [name for name, _ in instructions],
        "kwargs": [given for _, given in instructions],
    }
    item = Item("Write something.", metadata=metadata)
    return ifeval.grade(ifeval.Settings(mode=mode), item, Output(text=text))  # type: ignore[arg-type]


def test_instructions_are_verified_one_by_one() -> None:
    no_comma, length = (
        ("punctuation:no_comma", {}),
        ("length_constraints:number_words", {"relation": "at least", "num_words": 3}),
    )
    assert followed("one two three", no_comma, length) == Grade("ok", "11", True)
    assert followed("one, two three", no_comma, length) == Grade("ok", "01", False)
    assert followed("", no_comma) == Grade("ok", "0", False)


def test_loose_is_never_below_strict() -> None:
    quoted = ("startend:quotation", {})
    assert followed('Sure:\n"text"', quoted).parsed == "0"
    assert followed('Sure:\n"text"', quoted, mode="loose").parsed == "1"


def test_one_text_has_one_grade() -> None:
    """Language detection is seeded, and so is what a verifier without its parameter draws."""
    for instruction in (("change_case:english_capital", {}), ("keywords:letter_frequency", {"letter": None})):
        assert len({followed(CAPITALS, instruction).parsed for _ in range(20)}) == 1
    assert followed(CAPITALS, ("change_case:english_capital", {})).correct


def test_a_parameter_of_0_is_one() -> None:
    zero = ("detectable_content:number_placeholders", {"num_placeholders": 0})
    assert followed("no placeholder", zero).correct


def test_unknown_instructions_are_refused() -> None:
    with pytest.raises(ValueError, match="'chess:castle' is unknown"):
        followed("x", ("chess:castle", {}))
    with pytest.raises(ValueError, match="0 instructions"):
        followed("x")
