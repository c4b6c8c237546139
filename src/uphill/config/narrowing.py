"""A part of a study: only some datasets, models and methods, with no row rewritten.

Rows of experiments fall away, or run less; what is run stays the same job, whatever else is left out. So what a row
trains on, teachers, and models that measure hardness come along, though nobody asks for them by name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError, model_validator

from uphill import registry
from uphill.config.complaints import first_problem
from uphill.config.panels import chosen
from uphill.errors import UphillError
from uphill.experiments.arms import TEACHERS, Arm, Entry
from uphill.experiments.finding import experiments
from uphill.schemas.spelling import Names

if TYPE_CHECKING:
    from uphill.config.study import Config


class Only(Entry):
    """The part of a study that is run: rows of other datasets, models or methods fall away."""

    datasets: Names = Field(
        [], description="Datasets that are tested; all unless given. What a row trains on comes along."
    )
    models: Names = Field(
        [],
        description="Models that experiments run; all unless given. Those that measure hardness, or teach, come along.",
    )
    methods: Names = Field(
        [], description="Methods; all unless given. The one that a dataset calls `unsupervised` comes along."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.datasets or self.models or self.methods):
            raise ValueError("expected names under datasets, models or methods, or no such key")
        return self


def some(names: Iterable[str], asked: Iterable[str]) -> list[str]:
    """Those of some names that are asked for; all where nothing is."""
    wanted = set(asked)
    return [name for name in names if not wanted or name in wanted]


def models(names: Iterable[str], only: Only | None) -> tuple[str, ...]:
    """Those of some models that are run."""
    return tuple(some(names, only.models if only else ()))


def entries(every: Mapping[str, Any], only: Only | None) -> Mapping[str, Any]:
    """The entries of an experiment of which something is run, by name."""
    if only is None:
        return every
    part = {name: narrowed(entry, only) for name, entry in every.items()}
    return {name: entry for name, entry in part.items() if entry is not None}


def narrowed(entry: Any, only: Only) -> Any | None:
    """An entry of an experiment, with the models asked for; None where nothing of it is."""
    tested = getattr(entry, "dataset", None) or getattr(getattr(entry, "test", None), "dataset", None)
    if tested is not None and not some([tested], only.datasets):
        return None
    if not _some_if_any(_methods(entry), only.methods):
        return None
    roles = getattr(entry, "roles", {})
    named = [getattr(entry, key, None) for key in ("weak", "strong")]
    alone = [name for name in named if isinstance(name, str)] + [name for own in roles.values() for name in own]
    if len(some(alone, only.models)) < len(alone):
        return None
    changes: dict[str, Any] = {}
    if own := getattr(entry, "models", []):
        changes["models"] = some(own, only.models)
    pairs = getattr(entry, "pairs", None)
    if isinstance(pairs, Mapping):
        changes["pairs"] = {one: other for one, other in pairs.items() if len(some([one, other], only.models)) == 2}
    if _reads(entry) and entry.methods:
        changes["methods"] = some(entry.methods, only.methods)
    return None if not all(changes.values()) else entry.model_copy(update=changes)


def _methods(entry: Any) -> list[str]:
    alone = getattr(entry, "method", None)
    return [*(getattr(entry, "methods", None) or getattr(entry, "sizes", None) or ()), *([alone] if alone else [])]


def _some_if_any(names: list[str], asked: Names) -> bool:
    return not names or bool(some(names, asked))


def _reads(entry: Any) -> bool:
    """Whether an entry's tables are of what others train."""
    return any(isinstance(entry, module.Entry) and hasattr(module, "reads") for module in experiments().values())


def narrowed_arm(arm: Arm, only: Only | None) -> Arm | None:
    """An arm with the methods and models asked for; None where there are none. Its draws stay those of all methods."""
    if only is None:
        return arm
    methods, models = some(arm.methods, only.methods), some(arm.models, only.models)
    if not (methods and models and some([arm.dataset], only.datasets)):
        return None
    return replace(arm, methods=tuple(methods), models=tuple(models))


def check_something_stays(config: "Config") -> None:
    """Whether a part of a study has rows.

    Raises:
        ValueError: there are none.
    """
    if config.only is not None and not config.arms():
        asked = config.only.model_dump(exclude_defaults=True)
        raise ValueError(f"only is {asked}, which no row of an experiment is of, expected what some row runs")


def check_panels_stay(whole: "Config", asked: Mapping[str, Any]) -> None:
    """Whether every panel, but those of datasets that fall away, has the answers that it has in the whole study.

    Args:
        whole: the study, without its key `only`.
        asked: what that key says.

    Raises:
        UphillError: it is wrong; or a panel would read answers that nobody gives, and so be another scale.
    """
    try:
        only = registry.strict(Only, asked)
    except ValidationError as error:
        raise UphillError(first_problem(error, Only, "only.")) from None
    known = ((only.datasets, whole.datasets), (only.models, whole.models), (only.methods, whole.methods))
    if any(set(names) - set(there) for names, there in known):
        return  # which the study's own checks tell
    arms = (arm if arm.kind == TEACHERS else narrowed_arm(arm, only) for arm in whole.arms())
    involved = {dataset for arm in arms if arm is not None for dataset in arm.involved}
    for name in (name for name, panel in whole.panels.items() if panel.dataset in involved):
        for cell in chosen(whole, name):
            arm = narrowed_arm(cell.arm, only)
            if arm is None or cell.method not in arm.methods or cell.model not in arm.models:
                raise UphillError(
                    f"only: leaves out {cell.method!r} with {cell.model!r} on {cell.arm.dataset!r}, whose answers "
                    f"panels.{name} reads; expected it in, or a study without the panel: its scale would be another"
                )
