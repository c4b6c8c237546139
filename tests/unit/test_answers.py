"""Where a written answer is over, what it states, and whether that is right (spec: Hase et al. 2024, section 7.6)."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from uphill.grading.numerals import numbers
from uphill.grading.stated import extract_answer, same_answer
from uphill.prompts.extraction import END_CHARACTERS, answer_end

NEXT = "\n\nQ: And now?\nA: Five more. So the answer is 9"
SOLUTION = "16 - 3 = <<16-3=13>>13 eggs are left.\n\nThey bring 13 * 2 = $26."


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # In one line, in several, and in paragraphs: the line with the mark is the last one.
        (" 3 up 4 is 7. So the answer is 7\nSo the answer is 8", " 3 up 4 is 7. So the answer is 7"),
        (f" {SOLUTION} So the answer is 26{NEXT}", f" {SOLUTION} So the answer is 26"),
        (f" {SOLUTION}\nThe Answer Is: 26\n", f" {SOLUTION}\nThe Answer Is: 26"),
        # No mark: up to the next question, in any of the prompts' forms.
        (f" 26{NEXT}", " 26"),
        (" 26\nQ:", " 26"),
        (" 26\n \n  Question: what", " 26"),
        (" 26\n\nProblem: what", " 26"),
        # What is announced stands in the next line.
        (" So the answer is:\n\n26\nOr not.", " So the answer is:\n\n26"),
        (" The answer is\nQ: what", " The answer is"),
        (NEXT, ""),
    ],
)
def test_end_of_an_answer(text: str, answer: str) -> None:
    end = answer_end(text)
    assert end is not None
    assert text[:end] == answer


@pytest.mark.parametrize(
    "text",
    ["", " 3 up 4 is 7.", f" {SOLUTION}", f" {SOLUTION}\n\n", " So the answer is 26", " Is it Q: 5\nA: 3", "\n Q"],
)
def test_answers_that_go_on(text: str) -> None:
    assert answer_end(text) is None


PIECES = st.sampled_from(
    ["\n", "\n\n", "Q:", "Problem:", "the answer is", "The answer is", " 7", ".", " so ", "Q", ":"]
)


@given(st.lists(PIECES).map("".join))
def test_an_end_is_seen_at_a_line_break_or_colon_and_stays(text: str) -> None:
    """What generation relies on: it looks at these characters only, and does not look back."""
    ends = [answer_end(text[:length]) for length in range(len(text) + 1)]
    for length in range(1, len(text) + 1):
        before, now = ends[length - 1], ends[length]
        if before is None and now is not None:
            assert text[length - 1] in END_CHARACTERS
        assert before is None or now == before


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 up 4 is 7. So the answer is 7", "7"),
        (f"7 it is. So the answer is 7.{NEXT}", "7"),
        (f"{SOLUTION} So the answer is $26 per day.\nOr not.", "$26 per day"),
        ("the answer is yes, the answer is no", "yes"),
        ("So the answer is  Yes, always .", "yes, always"),
        # The end of the line that says something, or the next question, is the end of it all.
        ("The answer is\n5\n6", "5"),
        ("The answer is:\n\n7", "7"),
        (f"The answer is{NEXT}", ""),
        # In Markdown and LaTeX.
        ("So the answer is **Yes**.", "yes"),
        ("The answer is yes!", "yes"),
        ("**The answer is:** `7`", "7"),
        (r"The answer is $\boxed{12}$.", "12"),
        (r"The answer is \frac{3}{4}", "3/4"),
        ("The answer is .75", ".75"),
        (f"I cannot tell.{NEXT}", ""),
        ("3/4 is what I say", ""),
        ("", ""),
        (" The answer is: Yes.", "yes"),
    ],
)
def test_what_is_stated(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


# The published filter's behaviour (spec 7.6) ...
PUBLISHED = [("18 dollars", "18"), ("$18 per hour", "18"), ("2 + 3 = 5", "5"), ("1,080", "1080"), ("5.00", "5.00")]
PUBLISHED += [("10 apples and 12 oranges", "12")]
# ... and what it makes of these, with what they are: it drops signs and slashes and glues numbers together.
DEFECTS = [
    ("-5", "5", "-5"),
    ("12 13", "1213", "13"),
    ("3/4", "34", "0.75"),
    ("10-5", "105", "5"),
    ("1,080", "", "1,080"),
]


@pytest.mark.parametrize(("stated", "gold"), PUBLISHED)
def test_numbers_as_published(stated: str, gold: str) -> None:
    assert same_answer(stated, gold)


@pytest.mark.parametrize(("stated", "published", "gold"), DEFECTS)
def test_numbers_as_they_should_be(stated: str, published: str, gold: str) -> None:
    assert same_answer(stated, gold)
    assert not same_answer(stated, published)


@pytest.mark.parametrize(
    ("stated", "gold", "same"),
    [
        ("18", "18.0", True),
        ("18.0", "18", True),
        ("-$5", "-5", True),
        ("$-5", "-5", True),
        ("\N{MINUS SIGN}5", "-5", True),
        ("5", "-5", False),
        ("3 - 5 = -2", "-2", True),
        ("1,0807", "1080", False),
        ("12,13", "1213", False),
        ("$1,080.50 in all", "1080.5", True),
        (".5", "0.5", True),
        ("50%", "50", True),
        (".75", "0.75", True),
        (".5", "5", False),
        ("5", ".5", False),
        ("-.5", "-0.5", True),
        ("$.50", "0.5", True),
        ("1{,}234", "1234", True),
        (r"\frac{3}{4}", "0.75", True),
        (r"\frac{3}{4}", "4", False),
        (r"1\frac{1}{2}", "1.5", True),
        ("1 1/2 cups", "1.5", True),
        ("25 m^2", "2", False),
        ("25 m^2", "25", True),
        ("1e3", "1000", True),
        ("3 × 10^3", "3000", True),
        ("1\N{NO-BREAK SPACE}000", "1000", True),
        ("5:30", "5:30", True),
        ("5:30", "30", False),
        ("5:30", "5", False),
        ("12/25/1937", "1937", False),
        ("5 - 3", "3", True),
        ("**Yes**.", "yes", True),
        ("yes!", "yes", True),
        ("18 or so", "17", False),
        ("eighteen", "18", False),
        # Gold answers in words are compared in words, numbers in them or not.
        ("Yes", "yes", True),
        ("yes,", "yes", True),
        ("yes", "no", False),
        ("vitamin b12", "Vitamin B12.", True),
        ("vitamin c12", "vitamin b12", False),
        ("9007199254740993", "9007199254740992", False),
        ("", "", False),
        ("", "7", False),
    ],
)
def test_right_and_wrong(stated: str, gold: str, same: bool) -> None:
    assert same_answer(stated, gold) is same


@given(
    st.integers(-(10**12), 10**12),
    st.integers(0, 2),
    st.sampled_from(["{}", "${}", "{} dollars", "it is {}", "1 + 2 is {}"]),
)
@example(-1080, 2, "{}")
def test_any_number_in_any_dress(value: int, decimals: int, dress: str) -> None:
    written = dress.format(f"{value:,}" + ("." + "0" * decimals if decimals else ""))
    assert numbers(written)[-1] == Fraction(value)
    assert same_answer(extract_answer(f"Well.\nSo the answer is {written}.\n"), str(value))
    assert not same_answer(extract_answer(f"Well.\nSo the answer is {written}.\n"), str(value + 1))
