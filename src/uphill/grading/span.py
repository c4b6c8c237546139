"""A short answer in words against one or more right ones: exact match and F1 (HotpotQA, TriviaQA).

Both after their benchmarks' own normalisers (Yang et al. 2018; Joshi et al. 2017). `substring` is the reading of Alice
(Wu et al. 2025): a right answer occurs anywhere in the text.
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import Field

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread

_ARTICLES = re.compile(r"\b(a|an|the)\b")
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
        ValueError: the item has no column of that name.
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
    stated = short_answer(text)
    if not stated:
        return unread(output)
    f1 = max(overlap(stated, gold, normal) for gold in golds)
    return Grade("ok", stated, any(exact(stated, gold, normal) for gold in golds), f1=f1)


def right_answers(settings: Settings, item: Item) -> list[str]:
    """The right answer and its aliases."""
    if settings.aliases is None:
        return [item.answer_text]
    if settings.aliases not in item.metadata:
        raise ValueError(f"the item has no column {settings.aliases!r}, expected a list of right answers")
    listed = item.metadata[settings.aliases]
    return [item.answer_text, *(listed if listed is not None else [])]


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
