"""A config with every default in it, which is a config of the same study."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from uphill import registry
from uphill.config.alice import KEY as SHORT
from uphill.config.entries import Model
from uphill.config.study import Config
from uphill.grading.grade import grader_of
from uphill.weak_to_strong.interface import label_kind

EMPTY: tuple[Any, ...] = (None, [], {})


def with_defaults(config: Config) -> dict[str, Any]:
    """Every key that decides something, as plain data: entries that short ones stand for, and no short one.

    What is null or empty unless given, and is not given, is left out; so is what means something by being said, such as
    the dtype of a model that is trained here, which is its base's unless it says its own.
    """
    found = {key: _plain(getattr(config, key)) for key in type(config).model_fields if key != SHORT}
    found["methods"] = {name: _of_kind(config.methods[name], config.method_settings(name)) for name in config.methods}
    found["measures"] = {
        name: _of_kind(config.measures[name], config.measure_settings(name)) for name in config.measures
    }
    found["labels"] = {
        name: _of_kind(entry, registry.settings_of(label_kind(entry["kind"]), _settings(entry)))
        for name, entry in config.labels.items()
    }
    for name, dataset in config.datasets.items():
        found["datasets"][name]["source"] = _of_kind(dataset.source, config.source_settings(name))
    for group in ("datasets", "generations"):
        for name, graded in getattr(config, group).items():
            if graded.grader is not None:
                settings = registry.settings_of(grader_of(graded.grader["kind"]), _settings(graded.grader))
                found[group][name]["grader"] = _of_kind(graded.grader, settings)
    return {key: value for key, value in found.items() if key in config.model_fields_set or value not in EMPTY}


def _settings(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "kind"}


def _of_kind(entry: Mapping[str, Any], settings: BaseModel) -> dict[str, Any]:
    return {"kind": entry["kind"], **_plain(settings)}


def _plain(value: Any) -> Any:
    """Plain data of a value, of models with their defaults."""
    if isinstance(value, BaseModel):
        return _whole(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _whole(entry: BaseModel) -> dict[str, Any]:
    """A model's keys, those that were not given too, unless it is another, or none, with them."""
    keys = type(entry).model_fields.items()
    every = {field.alias or name: (name, _plain(getattr(entry, name))) for name, field in keys}
    given = {key: value for key, (name, value) in every.items() if name in entry.model_fields_set}
    if isinstance(entry, Model) and entry.trained is not None:
        return given
    whole = {key: value for key, (_, value) in every.items() if key in given or value not in EMPTY}
    try:
        same = registry.strict(type(entry), whole).model_dump() == entry.model_dump()
    except ValidationError:
        return given
    return whole if same else given
