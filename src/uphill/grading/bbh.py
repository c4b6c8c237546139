"""BIG-Bench Hard: a comparison for each kind of answer, by sub-task (Suzgun et al. 2022).

`whole` is the published comparison: the whole text is the right answer, but for case and punctuation.
"""

import re
from typing import Literal

from pydantic import Field

from uphill.grading import letter, words
from uphill.grading.cleaning import plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part, unread
from uphill.grading.letter import AMBIGUOUS
from uphill.grading.numerals import number, number_in_words, numbers, shown

KINDS = {
    "boolean_expressions": "boolean",
    "causal_judgement": "yes_no",
    "navigate": "yes_no",
    "web_of_lies": "yes_no",
    "sports_understanding": "plausible",
    "formal_fallacies": "validity",
    "object_counting": "integer",
    "multistep_arithmetic_two": "integer",
    "dyck_languages": "brackets",
    "word_sorting": "list",
}
"""By sub-task; every other one is answered by a letter."""
LETTERED = [
    "date_understanding",
    "disambiguation_qa",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_three_objects",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "movie_recommendation",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "temporal_sequences",
    "tracking_shuffled_objects_three_objects",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
]
_VOCABULARY = {
    "boolean": words.TRUE_FALSE,
    "yes_no": words.YES_NO,
    "plausible": words.PLAUSIBLE,
    "validity": words.VALIDITY,
}
_OPTION = re.compile(r"^\(([A-Z])\)", re.MULTILINE)
_BRACKETS = re.compile(r"[\[\](){}<>](?:\s*[\[\](){}<>])*")


class Settings(TextSettings):
    """Settings of `bbh`."""

    task: str = Field("config", description="The metadata column that names the sub-task.")
    mode: Literal["flexible", "strict", "whole"] = Field(
        "flexible", description="How loosely an answer is found: anywhere, announced or alone, or as the whole text."
    )


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Read the kind of answer that the item's sub-task has, and compare.

    Raises:
        ValueError: the item names no sub-task of BIG-Bench Hard.
    """
    name = str(item.metadata.get(settings.task, ""))
    kind = KINDS.get(name, "letter" if name in LETTERED else "")
    if not kind:
        raise ValueError(f"column {settings.task!r} is {name!r}, expected a sub-task of BIG-Bench Hard")
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    if settings.mode == "whole":
        return Grade("ok", text.strip(), _bare(text) == _bare(item.answer_text))
    found = _read(kind, text, item, settings.mode == "strict", output.ended)
    if found == AMBIGUOUS:
        return Grade("ambiguous")
    return unread(output) if found is None else Grade("ok", found, found == _expected(kind, item))


def _read(kind: str, text: str, item: Item, strict: bool, ended: bool) -> str | None:
    """The answer in the form that `_expected` gives the right one."""
    if kind in _VOCABULARY:
        found = words.read_word(text, _VOCABULARY[kind], strict)
        if strict and kind == "boolean" and not re.search(r"\b(?:True|False)\b", text):
            return None
        return found.lower() if found else None
    if kind == "letter":
        return _letter(text, item, strict, ended)
    if kind == "integer":
        return _integer(text, strict)
    return _brackets(text, item, strict) if kind == "brackets" else _listed(text)


def _expected(kind: str, item: Item) -> str:
    gold = item.answer_text.strip()
    if kind == "letter":
        # Three items have an option's text in place of its letter.
        return gold.strip("()") if re.fullmatch(r"\([A-Z]\)", gold) else _plain_words(gold)
    if kind == "integer":
        value = number(gold)
        return gold if value is None else shown(value)
    if kind == "brackets":
        return "".join(gold.split())
    return " ".join(gold.lower().split())


def _letter(text: str, item: Item, strict: bool, ended: bool) -> str | None:
    if not re.fullmatch(r"\([A-Z]\)", item.answer_text.strip()):
        return _plain_words(_stated(text)) or None
    options = item.choices or [""] * len(set(_OPTION.findall(item.question)) or range(26))
    opening = re.match(r"\s*\(([A-Z])\)\s", text)
    found = letter.read(text, options, ended, strict)
    # "(B) 12/30/2014" repeats an option.
    return opening[1] if found in (None, AMBIGUOUS) and opening else found


def _integer(text: str, strict: bool) -> str | None:
    stated = _stated(text)
    found = numbers(stated.rpartition("=")[2]) or numbers(stated)
    if found and (not strict or number(stated.strip(" .")) is not None or CUE.search(text)):
        return shown(found[0] if CUE.search(text) else found[-1])
    spelt = None if strict else number_in_words(stated)
    return None if spelt is None else shown(spelt)


def _brackets(text: str, item: Item, strict: bool) -> str | None:
    runs = _BRACKETS.findall(_stated(text))
    if not runs:
        return None
    found = "".join(runs[-1].split())
    asked = "".join(_BRACKETS.findall(item.question.rpartition("Input:")[2])[:1]).replace(" ", "")
    return found.removeprefix(asked) if asked and not strict else found


def _listed(text: str) -> str | None:
    """Words of a sorted list, however they are set apart."""
    stated = _stated(text, lines=True)
    stated = re.sub(r"(?m)^\s*(?:[-*•]|\d+[.)])\s+", " ", stated)
    return " ".join(re.sub(r"[,;\n]", " ", stated).strip(" .").lower().split()) or None


def _stated(text: str, lines: bool = False) -> str:
    """What a text announces, in one line unless `lines`; the whole of one that announces nothing."""
    text = plain(own_part(text))
    cued = list(CUE.finditer(text))
    stated = (text[cued[-1].end() :] if cued else text).strip()
    if lines or not cued:
        return stated.split("\n\n")[0] if cued else stated
    return next((line for line in stated.split("\n") if line.strip()), "")


def _plain_words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip(" .").lower()


def _bare(text: str) -> str:
    return re.sub(r"[,\n\\\"']|\.$|[^\w\s()<>\[\]{}&-]", "", text.strip()).strip().lower()
