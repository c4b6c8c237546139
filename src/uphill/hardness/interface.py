"""The interface of a hardness measure's module, and the way to one by its name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

from uphill import registry

if TYPE_CHECKING:
    import pandas as pd

    from uphill.hardness.data import Graded


class Measure(Protocol):
    """A module of this room: a measure of how hard items are, larger values for harder ones.

    Attributes:
        Settings: its config entry.
        RUNS_MODEL: whether it loads a hardness model; it is made once for each, and the hardness table holds means.
        READS_RESPONSES: whether it reads a hardness model's zero-shot responses. One that does and reads no hidden
            states says `READS_STATES = False`. One that reads token scores of items' texts under a hardness model names
            their columns in `READS_TEXTS`; all measures share one pass over these. One that asks a model as some
            kinds of methods do names them in `LIKE`: tables mark where a method is tested on a scale that the same
            model made in the same way.
    """

    @property
    def Settings(self) -> type[BaseModel]:
        """The model of its config entry."""
        ...

    RUNS_MODEL: bool
    READS_RESPONSES: bool

    def variables(self, name: str, settings: Any, dataset: "Graded") -> Sequence[str]:
        """Names of the variables that it gives a dataset; none where it does not apply."""
        ...

    def measure(self, name: str, settings: Any, data: Any) -> "pd.DataFrame":
        """A row an item and variable: item_id, variable, value, kind, and how far to trust the value.

        Args:
            name: of the measure in the config.
            settings: its entry.
            data: `HardnessData`, `Responded`, `TextsRead` or `OnModel` of `uphill.hardness.data`, by what it needs.
        """
        ...


def measure_of(kind: str) -> Measure:
    """The measure of a name.

    Raises:
        KeyError: there is none.
    """
    return cast(Measure, registry.load("uphill.hardness", kind, "measure"))
