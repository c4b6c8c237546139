"""A final answer in mathematics against the right one, by value (MATH): the comparison is that of `math-verify`.

The right answer stands first and in a box, as the comparison is not symmetric; an answer is what a text puts into its
last box, announces, or writes as its last formula, and no number is fished out of a formula that cannot be read.
"""

import re

from pydantic import Field

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread
from uphill.grading.math_worker import Verdict, compared

_FORMULAS = re.compile(r"\\\[(.+?)\\\]|\\\((.+?)\\\)|\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
_TEXT = re.compile(r"\\text(?:bf|it|rm)?\s*\{|\\mbox\s*\{")


class Settings(TextSettings):
    """Settings of `math`."""

    seconds: float = Field(2.0, gt=0, le=60, description="The longest that one comparison may take.")
    relations: bool = Field(False, description="An interval and the inequality that describes it are the same answer.")


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read the final answer, and compare it.

    Raises:
        ValueError: the right answer cannot be read as mathematics, or `math-verify` is not installed.
    """
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    found, left_open = final_answer(text)
    if found is None:
        return Grade("truncated") if left_open or not output.ended else unread(output)
    gold = item.answer_text.strip()
    if _words(found) == _words(gold):
        return Grade("ok", found, True)
    if _is_text(gold):
        return Grade("ok", found, False)
    verdict: Verdict = compared(gold, found, settings.relations, settings.seconds)
    return Grade("timeout") if verdict == "timeout" else Grade("ok", found, verdict == "same")


def final_answer(text: str) -> tuple[str | None, bool]:
    """The final answer of a text, and whether a box stands open at its end."""
    text = own_part(text)
    content, left_open = boxed(text)
    if content is not None or left_open:
        return (None if left_open and content is None else content), left_open
    cued = list(CUE.finditer(text))
    stated = text[cued[-1].end() :] if cued else text
    formulas = [next(part for part in found if part) for found in _FORMULAS.findall(stated)]
    if formulas:
        return (formulas[0] if cued else formulas[-1]).strip(), False
    line = next((line for line in plain(stated).split("\n") if line.strip()), "") if cued else plain(text).strip()
    # Without a box, a formula or an announcement, a short text may be the answer; a longer one is prose.
    return (line.strip(" .") or None, False) if cued or len(line) <= SHORT else (None, False)


SHORT = 60
"""Characters of a text that may be an answer and nothing else."""


def _is_text(gold: str) -> bool:
    """Whether a right answer is words, a time of day or the like, which have no value."""
    return bool(_TEXT.match(gold)) or bool(re.fullmatch(r"\d{1,2}:\d\d", gold))


def _words(text: str) -> str:
    """A formula's characters without white space and wrappers."""
    return re.sub(r"[\s.~]|\\ ", "", plain(text)).replace("\\", "").lower()
