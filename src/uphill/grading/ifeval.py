"""Whether a text follows the instructions of its prompt (IFEval, Zhou et al. 2023), by the harness's verifiers.

`strict` asks each instruction of the text as it is, `loose` of eight trimmings of it, of which one must do. A verifier
that lacks a parameter draws one: here from a generator of the item's own, so that a text has one grade.
"""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal
from unittest import mock

from pydantic import Field

from uphill.grading.grade import Grade, Item, Output, TextSettings, answer_part

NEEDS_ANSWER = False
NEEDED = "expected the extra `harness`: pip install uphill[harness]"


class Settings(TextSettings):
    """Settings of `ifeval`."""

    mode: Literal["strict", "loose"] = Field("strict", description="Ask of the text as it is, or of trimmings of it.")
    instructions: str = Field("instruction_id_list", description="The metadata column with the instructions' names.")
    parameters: str = Field("kwargs", description="The metadata column with each instruction's parameters.")


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Right where every instruction is followed; `parsed` is a 1 or 0 for each.

    Raises:
        ValueError: the item has no instructions, one is unknown, or the harness or its data are not installed.
    """
    text = answer_part(settings, output)
    if text is None:
        return Grade("truncated")
    names, parameters = (_listed(item, column) for column in (settings.instructions, settings.parameters))
    if not names or len(names) != len(parameters):
        raise ValueError(f"{len(names)} instructions and {len(parameters)} parameters, expected as many of both, not 0")
    trimmed = [text] if settings.mode == "strict" else trimmings(text)
    with _seeded(item.question):
        followed = [
            _followed(_verifier(str(name), given or {}, item.question), trimmed)
            for name, given in zip(names, parameters, strict=True)
        ]
    return Grade("ok", "".join(str(int(each)) for each in followed), all(followed))


def trimmings(text: str) -> list[str]:
    """A text without its first line, last line or both, each as it is and without asterisks."""
    lines = text.split("\n")
    cut = [text, *("\n".join(lines[part]).strip() for part in (slice(1, None), slice(-1), slice(1, -1)))]
    return [form for each in cut for form in (each, each.replace("*", ""))]


def _listed(item: Item, column: str) -> list[Any]:
    found = item.metadata.get(column)
    if isinstance(found, str):
        found = json.loads(found)
    return [] if found is None else list(found)


def _followed(verifier: Any, texts: list[str]) -> bool:
    try:
        return any(text.strip() and verifier.check_following(text) for text in texts)
    except LookupError as error:
        raise ValueError("nltk's data are missing: python -m nltk.downloader punkt punkt_tab") from error


def _verifier(name: str, given: Mapping[str, Any], prompt: str) -> Any:
    known = _registry()
    if name not in known:
        raise ValueError(f"instruction {name!r} is unknown to the harness's verifiers")
    verifier = known[name](name)
    # Nulls fill columns up; 0 and an empty text are parameters.
    verifier.build_description(**{key: value for key, value in given.items() if value is not None})
    if "prompt" in (verifier.get_instruction_args() or {}):
        verifier.build_description(prompt=prompt)
    return verifier


@cache
def _registry() -> Mapping[str, Any]:
    try:
        import langdetect
        import nltk

        # Importing the verifiers would fetch data; what is missing is said where it is needed.
        with mock.patch.object(nltk, "download"):
            from lm_eval.tasks.ifeval import instructions_registry
    except ImportError as error:
        raise ValueError(f"{error.name} is not installed, {NEEDED}") from None
    langdetect.DetectorFactory.seed = 0
    return instructions_registry.INSTRUCTION_DICT


@contextmanager
def _seeded(key: str) -> Iterator[None]:
    """The global generator, which the verifiers draw from, at a state of the item's own; afterwards as it was."""
    before = random.getstate()
    random.seed(key)
    try:
        yield
    finally:
        random.setstate(before)
