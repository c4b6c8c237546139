"""A block of thinking before an answer: what stands in it is not the answer."""

import re

_NAME = r"(?:think|thinking|thought|reasoning)"
_OPEN = re.compile(rf"\s*<{_NAME}>", re.IGNORECASE)
_MARK = re.compile(rf"<(/?){_NAME}>", re.IGNORECASE)


def after_thinking(text: str, always: bool = False) -> str | None:
    """What follows the thinking that a text begins with; None where the thinking goes on to its end.

    Args:
        text: a model's whole text.
        always: the prompt opened a block already, so that a text without any end of one is all thinking.
    """
    if _OPEN.match(text):
        rest = _behind_balanced(text)
        return None if rest is None else after_thinking(rest) if _OPEN.match(rest) else rest
    first = _MARK.search(text)
    if first and first[1]:
        # The template opened it: the text has the end alone.
        return text[first.end() :]
    return None if always else text


def _behind_balanced(text: str) -> str | None:
    depth = 0
    for mark in _MARK.finditer(text):
        depth += -1 if mark[1] else 1
        if depth == 0:
            return text[mark.end() :]
    return None
