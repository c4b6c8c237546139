"""The interface of a dataset source's module, and the way to one by its name."""

from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

from uphill import registry

if TYPE_CHECKING:
    import pandas as pd


class DatasetSource(Protocol):
    """A module of this room: a kind of place that questions come from.

    Attributes:
        Settings: its config entry, which may say `files` (local files that are read), `generative` (answers are
            written), `answered` (false where rows do not say what is right) and `remote` (rows come over the network,
            so nothing is known of them before the items job ran).
    """

    @property
    def Settings(self) -> type[BaseModel]:
        """The model of its config entry."""
        ...

    def load(self, settings: Any) -> "pd.DataFrame":
        """Raw rows: item_id, question, choices, answer_idx, answer_text, reasoning, and metadata of its own."""
        ...


def source_of(kind: str) -> DatasetSource:
    """The source of a name.

    Raises:
        KeyError: there is none.
    """
    return cast(DatasetSource, registry.load("uphill.datasets", kind, "load"))
