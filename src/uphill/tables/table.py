"""What a table is: how it is made of graded predictions, what it is called, and how a paper prints it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uphill.schemas.level_names import Levels
from uphill.tables.wide import WideLayout

INTERVAL = "In brackets, an interval over test items and training draws, both random."


@dataclass(frozen=True)
class Analysis:
    """What a reduction needs to know beside the predictions.

    Attributes:
        unsupervised: by dataset, the method whose accuracy is Unsupervised.
        draws: of a bootstrap, for what has no variance in closed form.
        coverage: of intervals.
        margin: within which easy data is as good as hard data, as a fraction.
        seed: the run's seed.
        trained: rows dataset, variable, split, train_on, boot, item_id, rank of every training item, where one may be
            tested too; None where none is.
        chance: by dataset, the accuracy of a blind guess at each item that has choices, by id.
        clusters: by dataset that names a column of them, the cluster of each item, by id.
        circular: by tested model, dataset and variable, where that model measured the variable, the methods that do
            what the measure did.
    """

    unsupervised: Mapping[str, str]
    draws: int
    coverage: float
    seed: int
    margin: float = 0.03
    trained: pd.DataFrame | None = None
    chance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    clusters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    circular: Mapping[tuple[str, ...], frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Teaching:
    """Who gave labels, what they say themselves, and what they were asked for.

    Attributes:
        teachers: by labels, `method` and `model` of the teacher, `variable`, `train_on` and `labels` of what it was
            trained on, what its `experiment` is called, whether its labels are `soft`, and `confident`, above which
            probability of its choice alone they are taught, None for all.
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
        tested: rows dataset, variable, split, item_id, level, value of every test item.
        levels: by dataset and variable, the names of the levels in order.
        study: what intervals are made of.
        hardness: rows of the hardness tables, with `dataset`; None unless the table reads them.
        reliability: by dataset and variable, of scales that tell it; of none unless the table reads it.
        teaching: who taught, and whom; None unless the table reads it.
        own: what the experiment's `settings` give.
        columns: by dataset, those columns of its items which `own` asks for as `columns` and it has, by item_id.
        states: by model and dataset, the files of the zero-shot pass, each with the identity that it must have; none
            unless the table reads them, and `own` then has the settings of `probes` by method.
        drawn: rows dataset, variable, split, train_on, boot, item_id, rank of every training item; None unless the
            table reads states.
    """

    predictions: pd.DataFrame
    tested: pd.DataFrame
    levels: Levels
    study: Analysis
    hardness: pd.DataFrame | None = None
    reliability: Mapping[tuple[str, str], float] = field(default_factory=dict)
    teaching: "Teaching | None" = None
    own: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    states: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    drawn: pd.DataFrame | None = None


@dataclass(frozen=True)
class Table:
    """One table of an experiment; a module of this room has them in `TABLES`, by name.

    Attributes:
        reduce: makes its rows.
        title, caption: what the report calls it, and what it says of it.
        layout: how a paper prints it, if at all.
        also: other prints that are made of it, by name.
        reads_hardness: whether it needs the hardness tables of its datasets.
        reads_reliability: whether it needs the measures that hardness tables are made of, too.
        reads_teachers: whether it needs the answers of those who gave its labels.
        reads_states: whether it needs the hidden states that probes are fitted to.
        reads_shares: whether it needs the probabilities of all choices, `shares` of its predictions.
    """

    reduce: Callable[[Inputs], pd.DataFrame]
    title: str
    caption: str
    layout: WideLayout | None = None
    also: Mapping[str, WideLayout] = field(default_factory=dict)
    reads_hardness: bool = False
    reads_reliability: bool = False
    reads_teachers: bool = False
    reads_states: bool = False
    reads_shares: bool = False
