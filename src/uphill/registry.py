"""Modules found by name: the name in a config entry is the name of a module in a room.

Nothing lists the modules, so a new one touches no other file, and a job imports (and is tracked by) only its own.
"""

import functools
import importlib
import importlib.util
import pkgutil
from types import ModuleType
from typing import Any

from pydantic import BaseModel


def names(room: str, needs: str) -> list[str]:
    """The modules of a room that define `needs`, such as `names("uphill.methods", "predict")`."""
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
    return loader is not None and f"\ndef {what}(" in loader.get_source(f"{package.__name__}.{name}")


def load(room: str, name: str, needs: str) -> ModuleType:
    """The module `name` of `room`.

    Raises:
        KeyError: there is no such module, or it does not define `needs`.
    """
    known = names(room, needs)
    if name not in known:
        raise KeyError(f"expected one of {', '.join(known)}")
    return importlib.import_module(f"{room}.{name}")


def settings_of(module: ModuleType, entry: dict[str, Any]) -> BaseModel:
    """`entry` as the module's own settings; pydantic's error says which key is wrong."""
    settings: BaseModel = module.Settings.model_validate(entry)
    return settings
