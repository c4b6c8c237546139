"""The interface of a method's module, and the way to one by its name."""

from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

from uphill import registry

if TYPE_CHECKING:
    from uphill.methods.context import Cell, Context, Predicted


class Method(Protocol):
    """A module of this room: a way to use supervision.

    Attributes:
        Settings: its config entry. `n_train` and `k`, where it has them, are how many items a cell trains on or shows;
            `cot` says that answers are written, which are graded as texts, and all others by the scores of choices.
        RUNS_MODEL: whether its jobs load the language model.
        READS_RESPONSES: whether its jobs read the zero-shot responses. One that does and reads no hidden states says
            `READS_STATES = False`. One that can be trained on probabilities of choices says `TAKES_SOFT = True`.
    """

    @property
    def Settings(self) -> type[BaseModel]:
        """The model of its config entry."""
        ...

    RUNS_MODEL: bool
    READS_RESPONSES: bool

    def misfit(self, settings: Any, generative: bool) -> str | None:
        """Why it cannot be used on a dataset whose answers are written, or chosen; None where it can."""
        ...

    def cells(self, context: "Context", settings: Any) -> "list[Cell]":
        """The cells to make."""
        ...

    def predict(self, context: "Context", settings: Any, cells: "list[Cell]") -> "Predicted":
        """(cell, raw predictions) of each cell, made by `context.chosen` or `context.written`."""
        ...


def takes_soft(method: Method) -> bool:
    """Whether a method can be trained on soft labels, the column `soft` of its training items."""
    return bool(getattr(method, "TAKES_SOFT", False))


def method_of(kind: str) -> Method:
    """The method of a name.

    Raises:
        KeyError: there is none.
    """
    return cast(Method, registry.load("uphill.methods", kind, "predict"))
