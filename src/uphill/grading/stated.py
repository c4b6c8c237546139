"""The answer that a text states after "the answer is", compared as a number or in words (Hase et al. 2024).

The release's reading with its defects mended: what is stated after the first "the answer is" counts, up to the end of
its line; of several numbers the last one counts.
"""

import re

from uphill.grading.cleaning import boxed, plain
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread
from uphill.grading.numerals import number, numbers
from uphill.prompts.extraction import ANSWER_MARK, answer_end

NO_ANSWER = ""
_BEFORE = " \t\n:*_`\"'“”‘’"
_BEHIND = " \t\n.,;:!?*_`\"'“”‘’"


class Settings(TextSettings):
    """Settings of `stated`."""


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read what is stated, and compare it with the right answer."""
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    stated = extract_answer(text)
    if stated == NO_ANSWER:
        return unread(output)
    return Grade("ok", stated, same_answer(stated, item.answer_text))


def extract_answer(text: str) -> str:
    """The stated answer: lower case, single spaces, no dress and no punctuation around it; `NO_ANSWER` without any.

    It is what follows the first "the answer is" in its line, or in the next line that says anything, up to a second
    mark.
    """
    _, _, rest = text[: answer_end(text)].lower().partition(ANSWER_MARK)
    # One label template, "The answer is: ", has a colon.
    return _words(rest.split(ANSWER_MARK, 1)[0])


def same_answer(prediction: str, gold: str) -> bool:
    """Whether a stated answer is the gold one: in value if the gold answer is a number, else in words.

    Of several numbers in a prediction the last counts: "2 + 3 = 5" states 5. Commas between thousands, units, currency
    signs and zeros behind the point make no difference, and 3/4 is 0.75.
    """
    if prediction == NO_ANSWER:
        return False
    expected = number(gold)
    if expected is not None:
        found = numbers(prediction)
        return bool(found) and found[-1] == expected
    return _words(prediction) == _words(gold)


def _words(answer: str) -> str:
    content, _ = boxed(answer)
    text = re.sub(r"\s+", " ", plain(answer if content is None else content)).strip()
    # A leading point may be that of .5.
    return text.lstrip(_BEFORE).rstrip(_BEHIND).strip().lower()
