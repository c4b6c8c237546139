"""A short answer in words against one or more right ones: exact match and F1 (HotpotQA, TriviaQA).

Both after their benchmarks' own normalisers (Yang et al. 2018; Joshi et al. 2017). `substring` is the reading of Alice
(Wu et al. 2025): a right answer occurs anywhere in the text.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import Field

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_MAY_BEGIN = re.compile(
    r"(?:\b(?:option|choice|letter|indeed|simply|clearly|probably|just|then)\b\s*)+$", re.IGNORECASE
)
_QUOTES = "‘’´`"
_CLOSED = ("yes", "no", "noanswer")


class Settings(TextSettings):
    """Settings of `span`."""

    normal: Literal["hotpotqa", "triviaqa"] = Field(
        "hotpotqa", description="How answers are made plain: punctuation is dropped (hotpotqa) or becomes a space."
    )
    aliases: str | None = Field(None, description="The metadata column that lists further right answers.")
    substring: bool = Field(False, description="Right where a right answer occurs anywhere in the text, as published.")


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read the answer, and hold it against every right one; `f1` is the best of them.

    Raises:
        ValueError: the item has no column of that name, or it holds no list of texts.
    """
    normal = NORMALISERS[settings.normal]
    golds = right_answers(settings, item)
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    if settings.substring:
        held = normal(text) if settings.normal == "triviaqa" else text.lower()
        inside = [normal(gold) if settings.normal == "triviaqa" else gold.lower() for gold in golds]
        return Grade("ok", held, any(gold in held for gold in inside))
    read = readings(text)
    if not read:
        return unread(output)
    f1, stated = max(
        ((overlap(each, gold, normal), each) for each in read for gold in golds), key=lambda found: found[0]
    )
    return Grade("ok", stated, any(exact(each, gold, normal) for each in read for gold in golds), f1=f1)


def right_answers(settings: Settings, item: Item) -> list[str]:
    """The right answer and its aliases."""
    if settings.aliases is None:
        return [item.answer_text]
    if settings.aliases not in item.metadata:
        raise ValueError(f"the item has no column {settings.aliases!r}, expected a list of right answers")
    return [item.answer_text, *_listed(settings.aliases, item.metadata[settings.aliases])]


def _listed(column: str, cell: Any) -> list[str]:
    """The texts of a cell that lists them; the item table has lists as JSON."""
    try:
        listed = json.loads(cell) if isinstance(cell, str) else cell
    except json.JSONDecodeError:
        listed = cell
    found = [] if listed is None else listed
    # A text is a sequence of texts too: each of its letters would be a right answer.
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"column {column!r} is {cell!r}, expected a list of texts")
    return list(found)


def readings(text: str) -> list[str]:
    """The short answer of a text, none where it is empty.

    And the same with a word before it that may announce it or be its first: "the answer is just over 1 million".
    """
    stated = short_answer(text)
    cued = list(CUE.finditer(plain(own_part(text)).strip()))
    before = _MAY_BEGIN.search(cued[-1][0]) if cued else None
    return [each for each in (stated, f"{before[0]}{stated}" if before else "") if each and stated]


def short_answer(text: str) -> str:
    """What a text announces as its answer, else its first line."""
    text = own_part(text)
    content, _ = boxed(text)
    if content is not None:
        return plain(content).strip()
    text = plain(text).strip()
    cued = list(CUE.finditer(text))
    stated = text[cued[-1].end() :] if cued else text
    line = next((line.strip() for line in stated.split("\n") if line.strip()), "")
    return line.strip(" \"'“”")


def _hotpotqa(text: str) -> str:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", kept).split())


def _triviaqa(text: str) -> str:
    spaced = text.replace("_", " ").lower()
    spaced = "".join(" " if character in string.punctuation + _QUOTES else character for character in spaced)
    return " ".join(_ARTICLES.sub(" ", spaced).split())


NORMALISERS: dict[str, Callable[[str], str]] = {"hotpotqa": _hotpotqa, "triviaqa": _triviaqa}


def _both(stated: str, gold: str, normal: Callable[[str], str]) -> tuple[str, str]:
    """Both in plain form; as they are where nothing is left of the right one ("A", "The The")."""
    return (normal(stated), normal(gold)) if normal(gold) else (stated.strip(" ."), gold)


def exact(stated: str, gold: str, normal: Callable[[str], str]) -> bool:
    """Whether two answers are the same in plain form."""
    found, wanted = _both(stated, gold, normal)
    return found == wanted


def overlap(stated: str, gold: str, normal: Callable[[str], str]) -> float:
    """F1 of the words of two answers; 0 where one is yes, no or noanswer and the other is not the same."""
    found, wanted = _both(stated, gold, normal)
    if found == wanted:
        return 1.0
    if found in _CLOSED or wanted in _CLOSED:
        return 0.0
    return _f1(found.split(), wanted.split())


def _f1(found: Sequence[str], wanted: Sequence[str]) -> float:
    same = sum((Counter(found) & Counter(wanted)).values())
    if not same:
        return 0.0
    precision, recall = same / len(found), same / len(wanted)
    return 2 * precision * recall / (precision + recall)
