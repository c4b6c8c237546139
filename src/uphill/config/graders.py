"""Who grades what a method says of a dataset: one grader, and further ones that a table shows beside it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from uphill import registry
from uphill.config.checks import check_settings
from uphill.grading.grade import OF_SCORES, OF_TEXTS, grader_of, needs_answer, reads_texts

if TYPE_CHECKING:
    from uphill.config.study import Config

Named = tuple[str, BaseModel]
"""A module of uphill/grading, and its settings."""
BOUNDS = ("_low", "_high")
"""What columns of an interval end with."""


def check_graders(config: "Config") -> None:
    """Check the settings of every grader, and that one has something to compare with.

    Raises:
        ValueError: one is wrong.
    """
    for where, entry in _entries(config):
        check_settings(where, entry, "kind", "uphill.grading", "grade")
    for name, dataset in config.datasets.items():
        for other, entry in dataset.also_graded_by.items():
            if other.endswith(BOUNDS):
                raise ValueError(
                    f"datasets.{name}.also_graded_by.{other}: the name ends like a bound, expected another"
                )
            if not config.answered(name) and needs_answer(entry["kind"]):
                raise ValueError(
                    f"datasets.{name}.also_graded_by.{other}.kind is {entry['kind']!r}, which compares with right "
                    "answers, and source.answer is null; expected a grader that needs none"
                )


def _entries(config: "Config") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for group in ("datasets", "generations"):
        for name, graded in getattr(config, group).items():
            if graded.grader is not None:
                yield f"{group}.{name}.grader", graded.grader
    for name, dataset in config.datasets.items():
        yield from ((f"datasets.{name}.also_graded_by.{other}", one) for other, one in dataset.also_graded_by.items())


def grader(config: "Config", dataset: str, method: str) -> Named:
    """The grader whose grades are the study's."""
    writes, entry = _writes(config, method), config.datasets[dataset].grader
    if entry is None or reads_texts(entry["kind"]) != writes:
        entry = {"kind": OF_TEXTS if writes else OF_SCORES}
    return _of(entry)


def further(config: "Config", dataset: str, method: str) -> dict[str, Named]:
    """By name, the further graders that can read what a method says."""
    entries, writes = config.datasets[dataset].also_graded_by, _writes(config, method)
    return {name: _of(entry) for name, entry in entries.items() if reads_texts(entry["kind"]) == writes}


def _writes(config: "Config", method: str) -> bool:
    return bool(getattr(config.method_settings(method), "cot", False))


def _of(entry: Mapping[str, Any]) -> Named:
    own = {key: value for key, value in entry.items() if key != "kind"}
    return entry["kind"], registry.settings_of(grader_of(entry["kind"]), own)
