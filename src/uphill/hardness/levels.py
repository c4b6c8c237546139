"""Levels of difficulty: values cut at published cut-offs, at quantiles, or into bins of equal size."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from uphill.hardness.bins import number_of_bin
from uphill.schemas.files import read
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.level_names import bin_name
from uphill.schemas.measures import MEASURE
from uphill.schemas.names import EXPERIMENT_POOL, LEVELS


class Cuts(BaseModel):
    """How a variable is cut: at `easy_max` and `hard_min`, at `quantiles`, into `bins`, or at `edges`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    easy_max: float | None = Field(None, description="The largest value that is easy, with")
    hard_min: float | None = Field(None, description="the smallest value that is hard; between them is medium. Or")
    quantiles: tuple[float, float] | None = Field(
        None, description="the same two as quantiles of the experiment pool, [.3, .7] where nothing is said. Or"
    )
    bins: int | None = Field(
        None,
        ge=2,
        le=99,
        description="how many bins of equal size, bin_01 the easiest; equal values fall by a draw for each item. Or",
    )
    edges: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        max_length=98,
        description="the largest value of each bin but the last, as of school grades; bins are of any size.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        fixed = (self.easy_max is not None) + (self.hard_min is not None)
        if fixed + 2 * sum(one is not None for one in (self.quantiles, self.bins, self.edges)) != 2:
            raise ValueError("expected easy_max and hard_min, or quantiles, or bins, or edges")
        if self.edges and any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError(f"edges are {list(self.edges)}, expected each larger than the one before")
        if self.easy_max is not None and self.hard_min is not None and self.easy_max >= self.hard_min:
            raise ValueError(f"easy_max is {self.easy_max} and hard_min {self.hard_min}, expected easy_max < hard_min")
        if self.quantiles and not 0 < self.quantiles[0] < self.quantiles[1] < 1:
            raise ValueError(f"quantiles are {list(self.quantiles)}, expected two, growing, between 0 and 1")
        return self

    @property
    def n_bins(self) -> int | None:
        """How many bins there are; none where levels are easy, medium and hard."""
        return len(self.edges) + 1 if self.edges else self.bins


QUANTILES = (0.3, 0.7)
"""What a variable is cut at of which nothing is said (Hase et al. 2024, section 3.1)."""


def mean_over_models(measures: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row an (item, variable): a variable that several hardness models measured gets the mean of their values."""
    rows = pd.concat(measures, ignore_index=True)
    return rows.groupby(["item_id", "variable", "kind"], as_index=False, sort=True)["value"].mean()


def add_levels(measures: pd.DataFrame, items: pd.DataFrame, cuts: Mapping[str, Cuts], seed: int) -> pd.DataFrame:
    """Add a level to every (item, variable) value.

    Quantiles and bins are those of the experiment pool; an item of the hardness pool falls where its value does.

    Args:
        measures: rows item_id, variable, value, kind.
        items: the item table, indexed by item_id.
        cuts: by variable; any other variable is cut at its .3 and .7 quantiles, inclusive on both sides.
        seed: the run's, by which equal values are drawn into bins.
    """
    in_experiments = set(items.index[items["pool"] == EXPERIMENT_POOL])
    parts = []
    for variable, rows in measures.groupby("variable", sort=True):
        values = rows.set_index("item_id")["value"]
        how = cuts.get(str(variable), Cuts(quantiles=QUANTILES))
        pool = values[values.index.isin(in_experiments)]
        if how.bins:
            levels = number_of_bin(values, pool.index, how.bins, str(variable), seed).map(bin_name)
        elif how.edges:
            levels = pd.Series(np.searchsorted(how.edges, values) + 1, index=values.index).map(bin_name)
        else:
            levels = _cut(values, pool, how)
        parts.append(rows.assign(level=levels.to_numpy()))
    return pd.concat(parts, ignore_index=True)


def _cut(values: pd.Series, pool: pd.Series, how: Cuts) -> pd.Series:
    if how.easy_max is not None and how.hard_min is not None:
        return cut(values, how.easy_max, how.hard_min)
    low, high = how.quantiles or QUANTILES
    return cut(values, float(pool.quantile(low)), float(pool.quantile(high)))


def cut(values: pd.Series, easy_max: float, hard_min: float) -> pd.Series:
    """Level of each value: easy up to `easy_max`, else hard from `hard_min`, else medium; easy wins where both hold."""
    chosen = np.select([values <= easy_max, values >= hard_min], [LEVELS[0], LEVELS[2]], default=LEVELS[1])
    return pd.Series(chosen, index=values.index)


def levelled(
    measures: Mapping[str, str], items: pd.DataFrame, cuts: Mapping[str, Mapping[str, Any]], seed: int
) -> pd.DataFrame:
    """Hardness rows of some files of measures: the mean over models of each value, with its level.

    Args:
        measures: files, each with the identity that it must have; of none, there is no row.
        items: the item table.
        cuts: the config's cuts, by variable.
        seed: the run's.
    """
    if not measures:
        return pd.DataFrame(columns=HARDNESS.schema.names)
    values = mean_over_models([read(path, MEASURE, identity) for path, identity in measures.items()])
    named = {variable: Cuts(**cut) for variable, cut in cuts.items()}
    return add_levels(values, items.set_index("item_id"), named, seed)
