"""What a config may name: kinds of datasets, measures, methods, labels and graders, prompts, asks, and experiments.

Modules are found as the config finds them, so a user's own is listed as soon as its file is there.
"""

import ast
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from uphill import registry
from uphill.config.complaints import guess
from uphill.config.docs import first_paragraph, settings_of
from uphill.errors import UphillError
from uphill.experiments.finding import ROOM as EXPERIMENT_ROOM
from uphill.experiments.finding import experiments
from uphill.prompts.asks import Ask, shipped_asks
from uphill.prompts.forms import Templates, shipped
from uphill.weak_to_strong.interface import ROOM as LABEL_ROOM

GROUPS: Mapping[str, tuple[str, str, str]] = {
    "datasets": ("uphill.datasets", "load", "kinds of datasets.NAME.source"),
    "measures": ("uphill.hardness", "measure", "kinds of measures.NAME"),
    "methods": ("uphill.methods", "predict", "kinds of methods.NAME"),
    "labels": (LABEL_ROOM, "label", "kinds of labels.NAME"),
    "graders": ("uphill.grading", "grade", "kinds of datasets.NAME.grader"),
    "experiments": (EXPERIMENT_ROOM, "arms", "keys of a config"),
}
"""By group, the room of its modules, what each of them has, and where a config names one."""
PROMPTS, ASKS = "prompts", "asks"
SECTIONS = "templates: an id such as '0040' is a key of each section in turn, of preface '0' unless it has a fifth"
PYTHON = {"None": "null", "True": "true", "False": "false"}
MOST_SHOWN = 90
"""Characters of a text on its line."""


def group_lines(
    group: str | None, templates: Templates | None = None, asks: Mapping[str, Ask] | None = None
) -> Iterator[str]:
    """All groups, each thing on a line; or one group, of which modules are listed with their settings.

    Args:
        group: its name.
        templates: every prompt template; those that ship, unless given.
        asks: every ask, likewise.

    Raises:
        UphillError: there is no such group, or a module cannot be read or has no settings.
    """
    known = [*GROUPS, PROMPTS, ASKS]
    if group is not None and group not in known:
        raise UphillError(f"{group!r}: no such group, expected one of {', '.join(known)}{guess(group, known)}")
    texts = {PROMPTS: _templates(templates or shipped()), ASKS: _asks(shipped_asks() if asks is None else asks)}
    for number, name in enumerate([group] if group else known):
        yield from [""] if number else []
        if name in GROUPS:
            yield from _modules(name, in_full=group is not None)
        else:
            yield from texts[name]


def _modules(group: str, in_full: bool) -> Iterator[str]:
    room, needs, where = GROUPS[group]
    yield f"{group}: {where}"
    # Experiments in their own places; any other by name.
    names = list(experiments()) if room == EXPERIMENT_ROOM else registry.names(room, needs)
    for name in names:
        if in_full:
            yield from ["", name, f"  {_said_of(room, name)}", *_settings(room, name, needs)]
    if not in_full:
        yield from _aligned([(name, _said_of(room, name)) for name in names])


def _said_of(room: str, name: str) -> str:
    """What a module says that it is, read and not imported: some import torch."""
    spec = importlib.util.find_spec(f"{room}.{name}")
    loader: Any = spec.loader if spec else None
    source = loader.get_source(f"{room}.{name}") if loader else ""
    try:
        return first_paragraph(ast.get_docstring(ast.parse(source)))
    except SyntaxError as error:
        raise UphillError(f"{spec.origin if spec else name}: line {error.lineno}: {error.msg}") from None


def _settings(room: str, name: str, needs: str) -> list[str]:
    field = "Entry" if room == EXPERIMENT_ROOM else "Settings"
    try:
        model = getattr(registry.load(room, name, needs), field, None)
    except Exception as error:  # a module of the user's own may fail in any way
        raise UphillError(f"{room}.{name}: cannot be imported ({type(error).__name__}: {error})") from None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise UphillError(f"{room}.{name}: has no {field}, expected a pydantic model of its keys in a config")
    rows = [(key, f"{kind}, {_default(default)}", meaning) for key, kind, default, meaning in settings_of(model)]
    return list(_aligned(rows)) if rows else ["  no settings"]


def _default(said: str) -> str:
    """A default as YAML has it."""
    value = said.strip("`")
    return value if value == "required" else f"default {PYTHON.get(value, value)}"


def _templates(templates: Templates) -> Iterator[str]:
    yield f"{PROMPTS}: {SECTIONS}"
    entries = [(section, key, one) for section, found in templates for key, one in found.items()]
    yield from _aligned([(section, key, _short(one)) for section, key, one in entries])


def _asks(asks: Mapping[str, Ask]) -> Iterator[str]:
    yield f"{ASKS}: what generations.NAME.ask names"
    yield from _aligned([(name, _short(ask.text)) for name, ask in asks.items()])


def _short(entry: str | BaseModel | None) -> str:
    """A text, or what a template's fields say, on one line."""
    if entry is None:
        return "nothing"
    said = repr(entry)
    if isinstance(entry, BaseModel):
        said = ", ".join(f"{key}: {value!r}" for key, value in entry.model_dump(exclude_defaults=True).items())
    return said if len(said) <= MOST_SHOWN else f"{said[:MOST_SHOWN]}..."


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells).rstrip()}"
