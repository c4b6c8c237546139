"""What a table is: how it is made of graded predictions, what it is called, and how a paper prints it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.tables.wide import WideLayout

INTERVAL = "In brackets, a bootstrap interval over test items and boots."


@dataclass(frozen=True)
class Bootstrap:
    """What a reduction needs to know beside the predictions.

    Attributes:
        unsupervised: by dataset, the method whose accuracy is Unsupervised.
        draws, coverage: of the bootstrap.
        seed: the run's seed.
        trained: rows dataset, variable, train_on, boot, item_id, rank of every training item, where one may be tested
            too; None where none is.
    """

    unsupervised: Mapping[str, str]
    draws: int
    coverage: float
    seed: int
    trained: pd.DataFrame | None = None


@dataclass(frozen=True)
class Teaching:
    """Who gave labels, what they say themselves, and what they were asked for.

    Attributes:
        teachers: by labels, `method` and `model` of the teacher, `variable` and `train_on` of what it was trained on,
            and whether its labels are `soft`.
        answers: rows of the grades contract, of teachers alone.
        trained: rows dataset, variable, train_on, boot, item_id, rank of every training item of students.
    """

    teachers: Mapping[str, Mapping[str, Any]]
    answers: pd.DataFrame
    trained: pd.DataFrame


@dataclass(frozen=True)
class Inputs:
    """What a table is made from.

    Attributes:
        predictions: rows of the grades contract, with `source`.
        tested: rows dataset, variable, item_id, level, value of every test item.
        levels: by dataset and variable, the names of the levels in order.
        study: what intervals are made of.
        hardness: rows of the hardness tables, with `dataset`; None unless the table reads them.
        teaching: who taught, and whom; None unless the table reads it.
        own: what the experiment's `settings` give.
    """

    predictions: pd.DataFrame
    tested: pd.DataFrame
    levels: Levels
    study: Bootstrap
    hardness: pd.DataFrame | None = None
    teaching: "Teaching | None" = None
    own: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table of an experiment; a module of this room has them in `TABLES`, by name.

    Attributes:
        reduce: makes its rows.
        title, caption: what the report calls it, and what it says of it.
        layout: how a paper prints it, if at all.
        also: other prints that are made of it, by name.
        reads_hardness: whether it needs the hardness tables of its datasets.
        reads_teachers: whether it needs the answers of those who gave its labels.
    """

    reduce: Callable[[Inputs], pd.DataFrame]
    title: str
    caption: str
    layout: WideLayout | None = None
    also: Mapping[str, WideLayout] = field(default_factory=dict)
    reads_hardness: bool = False
    reads_teachers: bool = False
