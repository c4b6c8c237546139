"""Keys of a config that had another name before: each is refused with the name that it has now."""

from collections.abc import Iterator, Mapping
from typing import Any

RENAMED: Mapping[str, str] = {
    "hardness": "measures",
    "measures.*.measure": "measures.*.kind",
    "statistics.level": "statistics.coverage",
    "datasets.*.hardness_pool": "datasets.*.pools.hardness",
    "methods.*.batch": "models.MODEL.batch of config/hardware.yaml, since it decides no number",
}
"""The key that is now meant, by the key that was; `*` is any name, the same one in both."""


def outdated(raw: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with each key of `raw` that has another name now, and what to write instead."""
    for old, new in RENAMED.items():
        for found, names in _found(raw, old.split(".")):
            yield f"{found}: has another name now, expected {_filled(new, names)}"


def _found(raw: Any, parts: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each key that a pattern's parts lead to, and what its stars stand for."""
    if not parts:
        yield "", []
        return
    first, *rest = parts
    for key, value in _entries(raw):
        if first in ("*", key):
            for below, names in _found(value, rest):
                yield (f"{key}.{below}" if below else key), ([key, *names] if first == "*" else names)


def _entries(raw: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(raw, Mapping):
        yield from ((str(key), value) for key, value in raw.items())
    elif isinstance(raw, list):
        yield from ((str(place), value) for place, value in enumerate(raw))


def _filled(pattern: str, names: list[str]) -> str:
    """A pattern with names in place of its stars."""
    left = iter(names)
    return ".".join(next(left) if part == "*" else part for part in pattern.split("."))
