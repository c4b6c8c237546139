"""The letter of one of an item's options in a text (MMLU-Pro, GPQA, ARC answered in writing).

`published` restores two releases' readings: `first_capital`, the first of the letters A to J anywhere (Kordi et al.
2025), and `piece`, the text behind "My choice is" in which the letter or the option's text occurs anywhere (Alice, Wu
et al. 2025).
"""

import re
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Literal

from pydantic import Field

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread

_BOUNDARY = r"(?![A-Za-z0-9'’])"
# "A" and "I" are words too: as options they stand before punctuation, an end, or a word that goes on about an option.
_GOES_ON = r"(?!\s+(?!(?:because|since|as|and|or|due|given|which|but|not|so|with|is|was)\b)[a-z])"
_CUED = re.compile(rf"(?:option\s+|choice\s+)?(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Z]){_BOUNDARY})")
_MORE = re.compile(r"\s*(?:,\s*(?:and|or)|,|/|&|\band\b|\bor\b)\s*(?:\(([A-Z])\)|([A-Z])(?![A-Za-z0-9'’]))" + _GOES_ON)
_ALONE = re.compile(rf"\(([A-Z])\)|(?<![A-Za-z0-9'’.&-])([A-Z]){_BOUNDARY}(?![.-][A-Z])")
_WHOLE = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\].:]*")


class Settings(TextSettings):
    """Settings of `letter`."""

    strict: bool = Field(False, description="Read announced and lone letters; none in running text, no option's text.")
    published: Literal["no", "first_capital", "piece"] = Field("no", description="The reading of a release.")


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read a letter and compare it with that of the right option.

    Raises:
        ValueError: the item has no right option.
    """
    gold = _gold(item)
    if settings.published != "no":
        return _as_published(settings, item, output, gold)
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    return graded(read(text, item.choices, output.ended, settings.strict), gold, output)


def graded(found: str | None, gold: str, output: Output) -> Grade:
    """The grade of what `read` found."""
    if found == AMBIGUOUS:
        return Grade("ambiguous")
    return unread(output) if found is None else Grade("ok", found, found == gold)


AMBIGUOUS = "?"
"""Stands for several letters."""


def read(text: str, choices: Sequence[str], ended: bool = True, strict: bool = False) -> str | None:
    """The letter that a text gives: `AMBIGUOUS` for several, None for none or one that no option has.

    Args:
        text: the text, without thinking.
        choices: texts of the options.
        ended: whether the text came to its end: of one that was cut off, only an announced letter counts.
        strict: leave out letters in running text and options given by their text.
    """
    options = list(choices)
    known = ascii_uppercase[: len(options)]
    text = own_part(text)
    content, _ = boxed(text)
    if content is not None and (alone := _WHOLE.fullmatch(plain(content).strip())):
        return _in(alone[1].upper(), known)
    text = plain(text).strip()
    if alone := _WHOLE.fullmatch(text):
        return _in(alone[1].upper(), known)
    cued = _last_cued(text)
    if cued:
        return cued if cued == AMBIGUOUS else _in(cued, known)
    return None if strict or not ended else _loose(text, options, known)


def _in(letter: str, known: str) -> str | None:
    return letter if letter in known else None


def _last_cued(text: str) -> str | None:
    """The letter of the last announcement that gives one."""
    for cue in reversed(list(CUE.finditer(text))):
        found = _CUED.match(text, cue.end())
        if not found:
            continue
        letter = next(part for part in found.groups() if part)
        if found[3] in ("A", "I") and not re.match(_GOES_ON, text[found.end() :]):
            continue
        more = _MORE.match(text, found.end())
        return AMBIGUOUS if more and (more[1] or more[2]) != letter.upper() else letter.upper()
    return None


def _loose(text: str, options: list[str], known: str) -> str | None:
    """The one letter in running text, or that of the one option whose text is the reply."""
    found = set()
    for match in _ALONE.finditer(text):
        letter = match[1] or match[2]
        if letter in known and not (match[2] in ("A", "I") and not re.match(_GOES_ON, text[match.end() :])):
            found.add(letter)
    if found:
        return found.pop() if len(found) == 1 else AMBIGUOUS
    same = [letter for letter, option in zip(known, options, strict=False) if _bare(option) == _bare(text)]
    return same[0] if len(same) == 1 else None


def _bare(text: str) -> str:
    return re.sub(r"\s+", " ", plain(text)).strip(" .").lower()


def _gold(item: Item) -> str:
    if item.answer_idx is None:
        raise ValueError("the item has no right option, expected a dataset with choices; name another grader")
    return ascii_uppercase[item.answer_idx]


def _as_published(settings: Settings, item: Item, output: Output, gold: str) -> Grade:
    text = output.text or ""
    if settings.published == "first_capital":
        first = re.search("[A-J]", text)
        return graded(first[0] if first else None, gold, output)
    _, mark, rest = text.partition("My choice is ")
    if not mark:
        return unread(output)
    stated = rest.split(".")[0]
    pieces = (gold, item.choices[item.answer_idx or 0])
    return Grade("ok", stated, any(piece.lower() in stated.lower() for piece in pieces))
