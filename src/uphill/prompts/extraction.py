"""Where an answer in generated text is over (Hase et al. 2024, code release)."""

import re
from collections.abc import Sequence
from functools import cache

ANSWER_MARK = "the answer is"

END_CHARACTERS = "\n:"
"""An answer is never seen to be over before one of these."""

QUESTION_HEADS = ("Question:", "Problem:", "Q:")
"""How the questions of published prompts open."""


_LINE = re.compile(r"\s*\S[^\n]*(?=\n)")


def line_end(text: str) -> int | None:
    """Where the first line of `text` that says anything is over, as an index; None while it may go on."""
    found = _LINE.match(text)
    return found.end() if found else None


@cache
def _end(heads: tuple[str, ...]) -> re.Pattern[str]:
    opening = "|".join(re.escape(head) for head in heads if head)
    head = rf"\n\s*(?:{opening})"
    # The answer may stand in the next line that says anything, unless that is a question.
    return re.compile(rf"(?i:{ANSWER_MARK})(?:(?!{head})[\s:*_`])*[^\s:*_`][^\n]*(?=\n)|(?={head})")


def answer_end(text: str, heads: Sequence[str] = QUESTION_HEADS) -> int | None:
    """Where the answer that `text` begins with is over, as an index; None while it may go on.

    It is over at the end of the line that says what follows the first answer mark, or before a line that opens as a
    prompt's questions do, for a model goes on with one of its own; `heads` are how they open. A blank line alone ends
    nothing: solutions have them too.
    """
    found = _end(tuple(heads)).search(text)
    return found.end() if found else None
