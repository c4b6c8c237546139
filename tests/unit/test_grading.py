"""Graders of what a model wrote: a table of replies for each, with what is to be read off them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uphill.grading import bbh, choice, letter, number, span
from uphill.grading.grade import Grade, Item, Output
from uphill.grading.thinking import after_thinking
from uphill.grading.words import YES_NO, read_word

OPTIONS = [f"option {place}" for place in range(10)]
LETTERED = "Options:\n" + "\n".join(f"({one}) {one * 3}" for one in "ABCDEFGHIJKLMNOPQR")


@pytest.mark.parametrize(
    ("text", "always", "rest"),
    [
        ("18", False, "18"),
        ("18", True, None),
        ("<think>a\n\nb</think>Paris", False, "Paris"),
        ("<think>so 4, maybe 18", False, None),
        # A template that opens the block leaves the end alone.
        ("reasoning</think>18", False, "18"),
        ("<think>4</think>18 (after the </think> tag)", False, "18 (after the </think> tag)"),
        ("<think>a <think>b</think> c</think>d", False, "d"),
        ("<think>a</think> <think>b</think>c", False, "c"),
        ("<think>a</think> <think>b", False, None),
        ("<Thinking>a</Thinking>b", False, "b"),
        ("Say <think> and go on: 5", False, "Say <think> and go on: 5"),
    ],
)
def test_thinking_is_no_answer(text: str, always: bool, rest: str | None) -> None:
    assert after_thinking(text, always) == rest


def read_number(text: str, gold: str, ended: bool = True, **settings: str) -> tuple[str, str, bool]:
    grade = number.grade(number.Settings(**settings), Item(answer_text=gold), Output(text=text, ended=ended))
    return grade.status, grade.parsed, grade.correct


@pytest.mark.parametrize(
    ("text", "gold", "marker", "found"),
    [
        ("#### 1,234", "1234", "1234", "1234"),
        ("#### 18.00", "18", "18", "18"),
        ("#### $18", "18", "18", "18"),
        ("####18", "18", "18", "18"),
        ("The answer is 18.", "18", None, "18"),
        ("The answer is $18.00.", "18", None, "18"),
        ("Total: 18. Hope that helps...", "18", None, "18"),
        ("The total is 72 clips, altogether.", "72", None, "72"),
        ("The answer is 18 (that is 9 each).", "18", None, "18"),
        ("The answer is 2 * 9 = 18.", "18", None, "18"),
        ("so 20-2", "2", None, "2"),
        ("x = \N{MINUS SIGN}3", "-3", None, "-3"),
        ("1\N{NO-BREAK SPACE}000", "1000", None, "1000"),
        ("1\N{NARROW NO-BREAK SPACE}000", "1000", None, "1000"),
        ("3.5e3", "3500", None, "3500"),
        ("1/2", "0.5", None, "0.5"),
        ("The answer is **18**.", "18", None, "18"),
        (r"\boxed{18}", "18", None, "18"),
        (r"It is 3. So \boxed{\frac{3}{4}}", "0.75", None, "0.75"),
        ("#### 5\n\nQuestion: next\n#### 7", "5", "5", "5"),
        ("<think>#### 4</think>\n#### 18", "18", "18", "18"),
        ("#### 1/3", "1/3", "1/3", "1/3"),
        ("At 5:30 there were 7.", "7", None, "7"),
        ("", "18", None, None),
        ("I cannot tell.", "18", None, None),
    ],
)
def test_numbers_of_worked_solutions(text: str, gold: str, marker: str | None, found: str | None) -> None:
    for protocol, expected in (("marker", marker), ("any", found)):
        wanted = ("none", "", False) if expected is None else ("ok", expected, True)
        assert read_number(text, gold, protocol=protocol) == wanted


def test_a_number_is_right_by_value_alone() -> None:
    assert read_number("The answer is 18.", "19") == ("ok", "18", False)
    # Nothing announces an answer: the last number is taken, and may be another one.
    assert read_number("She earns 18 dollars in 2 days.", "18") == ("ok", "2", False)
    with pytest.raises(ValueError, match="expected a number"):
        read_number("18", "eighteen")


def test_a_solution_that_was_cut_off_ends_with_no_number_of_its_own() -> None:
    assert read_number("<think>maybe 18", "18", ended=False) == ("truncated", "", False)
    assert read_number("There are 18 eggs and", "18", ended=False) == ("truncated", "", False)
    assert read_number("The answer is 18, since", "18", ended=False) == ("ok", "18", True)


@pytest.mark.parametrize(
    ("text", "gold", "strict", "flexible"),
    [
        # The pattern wants one character more, and takes the answer's own.
        ("So the answer is 18", "18", False, True),
        ("So the answer is 18.", "18", True, True),
        ("So the answer is 5", "5", False, True),
        ("The total is 72 clips, altogether...", "72", False, False),
        ("The answer is 18 (that is 9 each).", "18", False, False),
        ("#### 18.00", "18", False, False),
    ],
)
def test_numbers_as_the_release_reads_them(text: str, gold: str, strict: bool, flexible: bool) -> None:
    assert read_number(text, gold, published="strict")[2] is strict
    assert read_number(text, gold, published="flexible")[2] is flexible


def read_letter(text: str, n_options: int = 10, ended: bool = True, **settings: object) -> Grade:
    item = Item(choices=OPTIONS[:n_options], answer_idx=2)
    return letter.grade(letter.Settings(**settings), item, Output(text=text, ended=ended))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "strict", "flexible"),
    [
        ("The answer is (C).", "C", "C"),
        ("The answer is C", "C", "C"),
        ("**The answer is** (C)", "C", "C"),
        ("The answer is **C**", "C", "C"),
        (r"$\boxed{\text{C}}$", "C", "C"),
        (r"The answer is $\boxed{C}$", "C", "C"),
        ("The correct answer is: (C)", "C", "C"),
        ("Answer: C", "C", "C"),
        ("Final answer - C", "C", "C"),
        ("My choice is C.", "C", "C"),
        ("C", "C", "C"),
        ("(c)", "C", "C"),
        ("c.", "C", "C"),
        ("The answer is Because it moves", "", ""),
        ("the answer is A lot of work", "", ""),
        ("The answer is C because I computed the integral.", "C", "C"),
        ("The answer is A because it moves", "A", "A"),
        ("The answer is I", "I", "I"),
        ("I would pick B — a safe choice.", "", "B"),
        ("The answer is B. Note that A is a common distractor.", "B", "B"),
        ("The answer is (A)... no, the answer is (D)", "D", "D"),
        ("Answer seems to be A.\n\nAnswer: A", "A", "A"),
        ("Antwort:\n\nAntwort: C", "C", "C"),
        ("Actually this is tricky, I am unsure", "", ""),
        ("Error: rate limited", "", ""),
        ("The answer is A and C", "?", "?"),
        ("Both A and C", "", "?"),
        ("<think>The answer is (A)</think>(C)", "C", "C"),
        ("The answer is (C)\n\nQuestion: next?\nThe answer is (D)", "C", "C"),
        ("Option 2.", "", "C"),
        ("", "", ""),
    ],
)
def test_letters(text: str, strict: str, flexible: str) -> None:
    for setting, expected in ((True, strict), (False, flexible)):
        grade = read_letter(text, strict=setting)
        status = {"": "none", "?": "ambiguous"}.get(expected, "ok")
        assert (grade.status, grade.parsed) == (status, "" if expected == "?" else expected)
        assert grade.correct is (expected == "C")


def test_letters_are_those_of_the_item() -> None:
    assert read_letter("The answer is (J)", n_options=4).status == "none"
    assert read_letter("maybe B, maybe", ended=False).status == "truncated"
    with pytest.raises(ValueError, match="no right option"):
        letter.grade(letter.Settings(), Item(answer_text="C"), Output(text="C"))


@pytest.mark.parametrize(
    ("text", "read"), [("Answer: C", "A"), ("I think (D)", "I"), ("Based on physics", "B"), ("C", "C"), ("none", "")]
)
def test_letters_as_the_cross_difficulty_release_reads_them(text: str, read: str) -> None:
    assert read_letter(text, published="first_capital").parsed == read


def test_letters_as_alice_reads_them() -> None:
    """The letter passes where it occurs in any word."""
    assert read_letter("My choice is C. Good.", published="piece").correct
    assert read_letter("My choice is such a car.", published="piece").correct
    assert not read_letter("My choice is D.", published="piece").correct
    assert read_letter("C", published="piece").status == "none"


BBH = [
    ("snarks", "(B)", "(B)", "B"),
    ("snarks", "(B)", "B", "B"),
    ("date_understanding", "(B)", "(B) 12/30/2014", "B"),
    ("geometric_shapes", "(R)", "the answer is (R)", "R"),
    ("snarks", "(A)", "(A) is silly, (B) is fine. So the answer is (A).", "A"),
    ("boolean_expressions", "True", "So the answer is True", "true"),
    ("boolean_expressions", "False", "not True, so False", "false"),
    ("navigate", "Yes", "yes.", "yes"),
    ("navigate", "No", "Yes... the answer is No", "no"),
    ("navigate", "Yes", "**Yes**", "yes"),
    ("sports_understanding", "no", "not plausible", "no"),
    ("sports_understanding", "no", "implausible", "no"),
    ("sports_understanding", "yes", "plausible", "yes"),
    ("formal_fallacies", "invalid", "The argument is invalid.", "invalid"),
    ("formal_fallacies", "invalid", "not valid", "invalid"),
    ("formal_fallacies", "valid", "deductively valid", "valid"),
    ("object_counting", "24", "24.0", "24"),
    ("object_counting", "24", "twenty-four", "24"),
    ("object_counting", "7", "3 apples and 4 pears: 3 + 4 = 7", "7"),
    ("multistep_arithmetic_two", "-24", "\N{MINUS SIGN}24", "-24"),
    ("dyck_languages", "] ] >", "]]>", "]]>"),
    ("dyck_languages", "] ] >", "] ] >.", "]]>"),
    ("word_sorting", "a b it&t", "a, b, it&t", "a b it&t"),
    ("word_sorting", "a b it&t", "1. a\n2. b\n3. it&t", "a b it&t"),
    ("word_sorting", "a o'b c", "a o'b c", "a o'b c"),
    # Where the data have an option's text in place of its letter.
    ("movie_recommendation", "Monsters, Inc", "Monsters, Inc", "monsters, inc"),
]


@pytest.mark.parametrize(("task", "gold", "text", "read"), BBH)
def test_bbh_by_kind_of_answer(task: str, gold: str, text: str, read: str) -> None:
    item = Item(LETTERED, answer_text=gold, metadata={"config": task})
    assert bbh.grade(bbh.Settings(), item, Output(text=text)) == Grade("ok", read, True)


@pytest.mark.parametrize(
    ("task", "gold", "text"),
    [
        ("word_sorting", "a b", "a b c"),
        ("word_sorting", "a b", "b a"),
        ("formal_fallacies", "valid", "invalid"),
        ("object_counting", "24", "23"),
        ("dyck_languages", "] ]", "]"),
        ("boolean_expressions", "True", "False"),
    ],
)
def test_bbh_wrong_answers(task: str, gold: str, text: str) -> None:
    item = Item(LETTERED, answer_text=gold, metadata={"config": task})
    assert not bbh.grade(bbh.Settings(), item, Output(text=text)).correct


def test_bbh_modes() -> None:
    def right(mode: str, task: str, gold: str, text: str, question: str = LETTERED) -> bool:
        item = Item(question, answer_text=gold, metadata={"config": task})
        return bbh.grade(bbh.Settings(mode=mode), item, Output(text=text)).correct  # type: ignore[arg-type]

    assert [right(mode, "navigate", "No", "So the answer is No.") for mode in ("flexible", "strict", "whole")] == [
        True,
        True,
        False,
    ]
    assert right("whole", "navigate", "No", "no.")
    assert not right("strict", "object_counting", "24", "twenty-four")
    closing = ("dyck_languages", "] ]", "[ [ ] ]", "Complete the sequence. Input: [ [")
    assert right("flexible", *closing)
    assert not right("strict", *closing)
    with pytest.raises(ValueError, match="'chess', expected a sub-task"):
        right("flexible", "chess", "e4", "e4")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Yes.", "yes"),
        ("**Yes**", "yes"),
        ("The answer is yes", "yes"),
        ("Yes, one might think. So the answer is no.", "no"),
        ("Nobody knows", None),
        ("I know nothing", None),
        ("Notably", None),
        ("It could be yes or no.", "?"),
        ("So the answer is yes\n\nQ: next?\nA: the answer is no", "yes"),
    ],
)
def test_yes_or_no(text: str, read: str | None) -> None:
    assert read_word(text, YES_NO) == read


@pytest.mark.parametrize(
    ("raw", "hotpotqa", "triviaqa"),
    [
        ("Spider-Man", "spiderman", "spider man"),
        ("O’Brien", "o’brien", "o brien"),
        ("O'Brien", "obrien", "o brien"),
        ("U.S.A.", "usa", "u s"),
        ("AT&T", "att", "at t"),
        ("1,000", "1000", "1 000"),
        ("Vitamin A", "vitamin", "vitamin"),
        ("The The", "", ""),
        ("rock–n–roll", "rock–n–roll", "rock–n–roll"),
    ],
)
def test_the_two_normal_forms(raw: str, hotpotqa: str, triviaqa: str) -> None:
    assert span.NORMALISERS["hotpotqa"](raw) == hotpotqa
    assert span.NORMALISERS["triviaqa"](raw) == triviaqa


@pytest.mark.parametrize(
    ("gold", "text", "exact", "f1"),
    [
        ("yes", "yes, they are", False, 0.0),
        ("no", "No.", True, 1.0),
        ("Mark Twain", "not Mark Twain", False, 0.8),
        ("St. Louis", "St. Louis", True, 1.0),
        ("A", "A", True, 1.0),
        ("A", "", False, None),
        ("Mark Twain", "The answer is Mark Twain.", True, 1.0),
        ("Mark Twain", "Samuel Clemens\n\nQuestion: next?\nMark Twain", False, 0.0),
    ],
)
def test_spans(gold: str, text: str, exact: bool, f1: float | None) -> None:
    grade = span.grade(span.Settings(), Item(answer_text=gold), Output(text=text))
    assert grade.correct is exact
    assert grade.f1 == (None if f1 is None else pytest.approx(f1))


@pytest.mark.parametrize(
    ("gold", "text", "right"),
    [
        ("just over 1 million", "The answer is just over 1 million.", True),
        ("over 1 million", "The answer is just over 1 million.", True),
        ("Then She Found Me", "So the answer is: Then She Found Me", True),
        ("She Found Me", "The answer is probably She Found Them", False),
        ("just", "The answer is", False),
    ],
)
def test_a_word_that_may_announce_an_answer_may_be_its_first(gold: str, text: str, right: bool) -> None:
    grade = span.grade(span.Settings(), Item(answer_text=gold), Output(text=text))
    assert (grade.correct, grade.f1 == 1) == (right, right)


def test_aliases_and_the_published_reading() -> None:
    item = Item(answer_text="Mark Twain", metadata={"aliases": ["Samuel Clemens"]})
    settings = span.Settings(normal="triviaqa", aliases="aliases")
    assert span.grade(settings, item, Output(text="Samuel Clemens")).correct
    assert span.grade(span.Settings(substring=True), Item(answer_text="no"), Output(text="I know")).correct
    with pytest.raises(ValueError, match="no column 'aliases'"):
        span.grade(settings, Item(answer_text="x"), Output(text="x"))


@given(st.text(), st.text(min_size=1))
def test_an_exact_match_overlaps_in_full(stated: str, gold: str) -> None:
    for normal in span.NORMALISERS.values():
        found = span.overlap(stated, gold, normal)
        assert 0 <= found <= 1
        assert not span.exact(stated, gold, normal) or found == 1


@pytest.mark.parametrize(
    ("norm", "best"),
    # Sums -2, -3; means by character -1, -.3; by token -2, -1.
    [("none", 0), ("chars", 1), ("tokens", 1)],
)
def test_choices_by_their_scores(norm: str, best: int) -> None:
    item = Item(choices=["ab", "a long one"], answer_idx=best)
    output = Output(scores=[-2.0, -3.0], n_tokens=[1, 3])
    grade = choice.grade(choice.Settings(norm=norm), item, output)  # type: ignore[arg-type]
    shares = np.exp(np.array([-2.0, -3.0]) / {"none": [1, 1], "chars": [2, 10], "tokens": [1, 3]}[norm])
    assert (grade.parsed, grade.correct) == (item.choices[best], True)
    assert grade.p_gold == pytest.approx(shares[best] / shares.sum())


@pytest.mark.parametrize("output", [Output(text="ab"), Output(scores=[-1.0])])
def test_a_choice_needs_a_score_each(output: Output) -> None:
    with pytest.raises(ValueError, match="expected"):
        choice.grade(choice.Settings(), Item(choices=["ab", "c"], answer_idx=0), output)


@given(st.text())
def test_no_grader_guesses_or_fails(text: str) -> None:
    """Whatever a model writes, there is a grade; one without an answer is not right."""
    item = Item("Options:\n(A) x\n(B) y", ["x", "y"], 0, "7", {"config": "snarks"})
    for module in (number, letter, span, bbh):
        grade = module.grade(module.Settings(), item, Output(text=text))
        assert grade.correct <= (grade.status == "ok")
        assert (grade.parsed != "") <= (grade.status == "ok")
