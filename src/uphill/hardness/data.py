"""What a hardness measure may read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from uphill.responses import ResponseTable


@dataclass(frozen=True)
class Graded:
    """What the config says of a dataset, as far as a measure needs it.

    Attributes:
        human: columns that hold a human grade.
        generative: whether answers are written rather than chosen.
        hardness_pool: how many items are set aside to train hardness models on.
    """

    name: str
    human: Sequence[str]
    generative: bool
    hardness_pool: int


@dataclass(frozen=True)
class HardnessData:
    """A dataset's items, indexed by item_id, and the zero-shot responses of each hardness model."""

    dataset: Graded
    items: pd.DataFrame
    seed: int
    responses: Mapping[str, ResponseTable] = field(default_factory=dict)


def long_form(values: pd.DataFrame, kind: str) -> pd.DataFrame:
    """A table item_id x variable as rows (item_id, variable, value, kind), in a fixed order."""
    rows = values.rename_axis("item_id").reset_index().melt("item_id", var_name="variable", value_name="value")
    rows["kind"] = kind
    return rows.astype({"value": float}).sort_values(["variable", "item_id"], ignore_index=True)
