"""A number in a worked solution (GSM8K): announced, or the last one that stands in the text.

With `marker` only what follows "####" counts, as the data's own solutions end. `published` is the extraction of the
cross-difficulty release (Kordi et al. 2025, evaluation tasks), which loses the last character of an answer that nothing
follows.
"""

import re
from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, model_validator

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread
from uphill.grading.numerals import number, numbers, shown

_PUBLISHED = re.compile(r"So the answer is (-?[0-9.,]*).", re.DOTALL)
_PUBLISHED_LAST = re.compile(r"(-?[$0-9.,]{2,})|(-?[0-9]+)")


class Settings(TextSettings):
    """Settings of `number`."""

    protocol: Literal["any", "marker"] = Field(
        "any", description="`any`: announced in any way, or the last number; `marker`: behind #### alone."
    )
    published: Literal["no", "strict", "flexible"] = Field(
        "no",
        description="The release's extraction: the number behind `So the answer is`, or the last of its kind.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.published != "no" and self.protocol != "any":
            raise ValueError(f"protocol is {self.protocol!r}, expected no such setting with published")
        return self


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read a number and compare it, as an exact value, with the right one.

    Raises:
        ValueError: the right answer is no number.
    """
    gold = number(item.answer_text)
    if gold is None:
        raise ValueError(f"the right answer is {item.answer_text!r}, expected a number; name another grader")
    if settings.published != "no":
        return _as_published(settings, item, output)
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    found = _announced(own_part(text), settings.protocol)
    if found is None and settings.protocol == "any" and output.ended:
        # Of a text that was cut off, the last number is one on the way.
        found = next(reversed(numbers(own_part(text))), None)
    return unread(output) if found is None else Grade("ok", shown(found), found == gold)


def _announced(text: str, protocol: str) -> Fraction | None:
    """The number that the last announcement gives: of #### first, then in a box, then in words."""
    marked = text.rpartition("####")
    if marked[1]:
        return _first(marked[2])
    if protocol == "marker":
        return None
    content, _ = boxed(text)
    if content is not None and (inside := numbers(content)):
        return inside[-1]
    cued = [match.end() for match in CUE.finditer(plain(text))]
    return next((found for end in reversed(cued) if (found := _first(plain(text)[end:])) is not None), None)


def _first(text: str) -> Fraction | None:
    """The number of the line that a text begins with: behind its last equals sign, else the first."""
    line = next((line for line in text.split("\n") if line.strip()), "")
    found = numbers(line.rpartition("=")[2]) or numbers(line)
    return found[0] if found else None


def _as_published(settings: Settings, item: Item, output: Output) -> Grade:
    text = output.text or ""
    if settings.published == "strict":
        first = _PUBLISHED.search(text)
        found = first[1] if first else None
    else:
        last = _PUBLISHED_LAST.findall(text)
        found = next(part for part in last[-1] if part).strip() if last else None
    if found is None:
        return unread(output)
    return Grade("ok", found, _bare(found) == _bare(item.answer_text))


def _bare(text: str) -> str:
    return re.sub(r"\.$", "", re.sub(r"[,$]|(?s:.*#### )", "", text)).lower()
