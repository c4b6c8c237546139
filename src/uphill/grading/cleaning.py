"""Plain text from Markdown and LaTeX: what dresses an answer and says nothing."""

import re

_SPACES = re.compile("[\u00a0\u202f\u2009\u2007\u200a]")
_GROUPING = re.compile(r"(?<=\d)(?:\{,\}|\\,|\\ |[\u00a0\u202f\u2009\u2007\u200a])(?=\d{3}(?!\d))")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}\s*\{([^{}]*)\}|\s*(\w)\s*(\w)|(\d)\s*\{([^{}]*)\})")
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|operatorname|emph|underline|fbox)\s*\{([^{}]*)\}")
_ITALIC = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*])")
_DISPLAY = re.compile(r"\\[()\[\]]")
_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{FULLWIDTH HYPHEN-MINUS}": "-", "\N{SMALL HYPHEN-MINUS}": "-"})


def _over(found: re.Match[str]) -> str:
    parts = [part for part in found.groups() if part is not None]
    # Behind a whole number it is the rest of a mixed one.
    return (" " if found.start() and found.string[found.start() - 1].isdigit() else "") + "/".join(parts)


def plain(text: str) -> str:
    """A text without emphasis, code ticks, dollar-free LaTeX wrappers and display marks; one kind of space and minus.

    Fractions become `a/b`, separators between thousands that are neither comma nor point go.
    """
    text = _GROUPING.sub("", text.translate(_MINUS))
    text = _SPACES.sub(" ", text).replace("\\$", "$").replace("\\%", "%")
    text = text.replace("\\left", "").replace("\\right", "").replace("\\!", "").replace("\\;", " ").replace("\\,", " ")
    before = None
    while before != text:
        before = text
        text = _WRAPPED.sub(r"\1", _FRACTION.sub(_over, text))
    text = _DISPLAY.sub(" ", text).replace("**", "").replace("__", "").replace("`", "")
    return _ITALIC.sub(r"\2", text)


def boxed(text: str) -> tuple[str | None, bool]:
    r"""The content of the last whole `\boxed{...}` of a text, and whether a box stands open at its end.

    `\boxed 5` holds what follows up to white space or a dollar sign.
    """
    last: str | None = None
    left_open = False
    for start in re.finditer(r"\\f?boxed\s*", text):
        rest = text[start.end() :]
        content = _braced(rest) if rest.startswith("{") else (re.match(r"[^\s${}]+", rest) or [None])[0]
        left_open = content is None and rest.startswith("{")
        last = content if content is not None else last
    return last, left_open


def _braced(text: str) -> str | None:
    """What stands between the brace that a text opens with and the one that closes it; None if none does."""
    depth = 0
    for place, character in enumerate(text):
        if character in "{}" and (not place or text[place - 1] != "\\"):
            depth += 1 if character == "{" else -1
            if depth == 0:
                return text[1:place]
    return None
