"""Modules found by name: the name in a config entry is the name of a module in a room.

Nothing lists the modules, so a new one touches no other file, and a job imports (and is tracked by) only its own.
"""

import functools
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel
from pydantic_core import to_json

M = TypeVar("M", bound=BaseModel)


def names(room: str, needs: str) -> list[str]:
    """The modules of a room that define a function or value `needs`, such as `names("uphill.methods", "predict")`."""
    return list(_names(room, needs))


@functools.cache
def _names(room: str, needs: str) -> tuple[str, ...]:
    package = importlib.import_module(room)
    modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
    # Reading the source keeps this free of imports: some methods import torch and peft.
    return tuple(sorted(name for name in modules if _defines(package, name, needs)))


def _defines(package: ModuleType, name: str, what: str) -> bool:
    spec = importlib.util.find_spec(f"{package.__name__}.{name}")
    loader: Any = spec.loader if spec else None
    source = loader.get_source(f"{package.__name__}.{name}") if loader else ""
    return re.search(rf"^(def {what}\(|{what}\b)", source, re.MULTILINE) is not None


def load(room: str, name: str, needs: str) -> ModuleType:
    """The module `name` of `room`.

    Raises:
        KeyError: there is no such module, or it does not define `needs`.
    """
    known = names(room, needs)
    if name not in known:
        raise KeyError(f"expected one of {', '.join(known)}")
    return importlib.import_module(f"{room}.{name}")


class ReadsResponses(Protocol):
    """A method or measure."""

    READS_RESPONSES: bool


def reads_states(module: ReadsResponses) -> bool:
    """Whether a method or measure reads hidden states; one that reads responses and does not say does."""
    return bool(getattr(module, "READS_STATES", module.READS_RESPONSES))


def reads_texts(module: object) -> tuple[str, ...]:
    """Columns of the items whose texts a measure reads the token scores of; most read none."""
    found: tuple[str, ...] = getattr(module, "READS_TEXTS", ())
    return found


class Configured(Protocol):
    """Whatever has a config entry of its own."""

    @property
    def Settings(self) -> type[BaseModel]:
        """The model of that entry."""
        ...


def settings_of(module: Configured, entry: dict[str, Any]) -> BaseModel:
    """`entry` as the module's own settings; pydantic's error says which key is wrong."""
    settings: BaseModel = strict(module.Settings, entry)
    return settings


def strict(model: type[M], entry: Mapping[str, Any]) -> M:
    """`entry` as a model, of the types that were written: true is not 1, "5" and 5.0 are not 5.

    Pydantic is strict of JSON where it would not take a list for a tuple of Python.
    """
    return model.model_validate_json(to_json(dict(entry), inf_nan_mode="constants"), strict=True)


def without(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An entry without one of its keys, such as that which names its module."""
    return {name: value for name, value in entry.items() if name != key}
