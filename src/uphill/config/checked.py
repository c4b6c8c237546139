"""The config with its keys of experiments, and its check: one line on what is wrong, before anything is made of it."""

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from pydantic import Field, ValidationError, create_model

from uphill import registry
from uphill.config import narrowing
from uphill.config.alice import expanded
from uphill.config.complaints import first_problem
from uphill.config.renamed_keys import outdated
from uphill.config.study import Config
from uphill.config.yaml_files import plain
from uphill.errors import UphillError
from uphill.experiments.finding import experiments
from uphill.running.secrets import keys_with_tokens
from uphill.schemas.spelling import Name


def _of_experiments() -> dict[str, Any]:
    """The config's keys of experiments, as pydantic makes a model of them."""
    found: dict[str, Any] = {}
    for name, module in experiments().items():
        kind = dict[Name, module.Entry] if module.NAMED else list[module.Entry]  # type: ignore[name-defined] # at run time
        found[name] = (kind, Field({} if module.NAMED else [], description=module.DESCRIPTION))
    return found


StudyConfig: type[Config] = create_model("Config", __base__=Config, __doc__="The whole study.", **_of_experiments())
"""The config with all its keys: one of each experiment."""


def check(raw: Mapping[str, Any], where: str | Callable[[str], str] = "config") -> Config:
    """The config in `raw`, checked: whole numbers are whole numbers and texts are texts, as written.

    Args:
        raw: its keys.
        where: the file that says them; or the file by what is wrong, which opens with a key.

    Raises:
        UphillError: one line with `where`, the key, the value and what was expected.
    """
    try:
        return _checked(raw)
    except UphillError as error:
        raise UphillError(f"{where if isinstance(where, str) else where(str(error))}: {error}") from None


def _checked(raw: Mapping[str, Any]) -> Config:
    for complaint in chain(plain(raw), outdated(raw)):
        raise UphillError(complaint)
    for key in keys_with_tokens(raw):
        raise UphillError(f"{key} holds an access token, expected none: reports show the config; set HF_TOKEN")
    whole = expanded(raw)
    try:
        if isinstance(raw.get("only"), Mapping):
            # Rows that fall away are to be right too.
            narrowing.check_panels_stay(registry.strict(StudyConfig, registry.without(whole, "only")), raw["only"])
        return registry.strict(StudyConfig, whole)
    except ValidationError as error:
        raise UphillError(first_problem(error, StudyConfig)) from None
