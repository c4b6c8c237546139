"""Where an answer in generated text is over, what it states, and whether that is right.

After Hase et al. 2024, code release, `metrics.py`, with its defects mended: what is stated after the first "the answer
is" counts, up to the end of its line; of several numbers the last one counts.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache

ANSWER_MARK = "the answer is"
NO_ANSWER = ""

END_CHARACTERS = "\n:"
"""An answer is never seen to be over before one of these."""

QUESTION_HEADS = ("Question:", "Problem:", "Q:")
"""How the questions of published prompts open."""

_NUMBER = re.compile(
    r"(?:(?<![\w.)])-)?[$£€]?"  # a minus sign, unless it stands between two things as in 5-3 or 2020-21
    r"(?:\d+/0*[1-9]\d*(?![\d/])|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)"
)


@cache
def _end(heads: tuple[str, ...]) -> re.Pattern[str]:
    opening = "|".join(re.escape(head) for head in heads if head)
    return re.compile(rf"(?i:{ANSWER_MARK})[^\n]*(?=\n)|(?=\n\s*(?:{opening}))")


def answer_end(text: str, heads: Sequence[str] = QUESTION_HEADS) -> int | None:
    """Where the answer that `text` begins with is over, as an index; None while it may go on.

    It is over at the end of the first line with an answer mark, or before a line that opens as a prompt's questions do,
    for a model goes on with one of its own; `heads` are how they open. A blank line alone ends nothing: solutions have
    them too.
    """
    found = _end(tuple(heads)).search(text)
    return found.end() if found else None


def extract_answer(text: str) -> str:
    """The stated answer: lower case, single spaces, no full stop at the end; `NO_ANSWER` where none is stated.

    It is what follows the first "the answer is" in its line, up to a second one.
    """
    _, _, rest = text[: answer_end(text)].lower().partition(ANSWER_MARK)
    # One label template, "The answer is: ", has a colon.
    return _plain(rest.split(ANSWER_MARK, 1)[0].removeprefix(":"))


def same_answer(prediction: str, gold: str) -> bool:
    """Whether a stated answer is the gold one: in value if the gold answer is a number, else in words.

    Of several numbers in a prediction the last counts: "2 + 3 = 5" states 5. Commas between thousands, units, currency
    signs and zeros behind the point make no difference, and 3/4 is 0.75.
    """
    if prediction == NO_ANSWER:
        return False
    expected = _plain(gold)
    if _NUMBER.fullmatch(expected):
        return last_number(prediction) == last_number(expected)
    return _plain(prediction) == expected


def last_number(text: str) -> Fraction | None:
    """The value of the last number in `text`; None without any."""
    found = _NUMBER.findall(text.replace("\N{MINUS SIGN}", "-"))
    return Fraction(re.sub(r"[$£€,]", "", found[-1])) if found else None


def _plain(answer: str) -> str:
    return re.sub(r"\s+", " ", answer).strip(" .").lower()
