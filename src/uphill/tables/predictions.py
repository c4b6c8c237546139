"""Reading graded predictions for a table: only those that today's config and code would make."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill.errors import UphillError, damaged
from uphill.schemas.files import made_by, read, read_arrow, written_whole
from uphill.schemas.grades import GRADES
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.schemas.level_names import Levels
from uphill.schemas.names import GOLD, UNSUPERVISED
from uphill.schemas.splits import SPLITS
from uphill.stats.comparisons import adjusted
from uphill.stats.conditions import Condition, condition

NOT_A_TEST = ("noise_p", "easy_noise_p")
LABELS = "labels"
CONDITION = [
    *("model", "dataset", "variable", "method", "cot", "k", "n_train", "noise_p", "train_dataset", "train_on"),
    LABELS,
]
"""Columns that together name a training condition; its boots are columns of one matrix."""


def key_of(condition: Mapping[str, Any]) -> tuple[str, ...]:
    """What a draw for a condition is keyed by: its values, without labels where they are the dataset's own."""
    return tuple(str(value) for name, value in condition.items() if (name, value) != (LABELS, GOLD))


def read_grades(paths: Mapping[str, Mapping[str, str]], shares: bool = False) -> pd.DataFrame:
    """All graded predictions of a table, with the file each row is from in the column `source`.

    Args:
        paths: files, each with the identity that it must record of some slices (experiment/variable); others are left
            out.
        shares: whether probabilities of all choices, which take more memory than all else, are among the columns.

    Raises:
        UphillError: a slice was made by another config or by other code, as after a half-finished rerun.
    """
    frames = []
    for path, slices in paths.items():
        recorded = made_by(path)["settings"]["slices"]
        for slice, identity in slices.items():
            if recorded.get(slice, {}).get("id") != identity:
                raise damaged(path, f"{slice!r} made by another config or by older code")
        table = read_arrow(path, GRADES)
        frame = (table if shares else table.drop_columns(["shares"])).to_pandas()
        own = frame["experiment"] + "/" + frame["variable"]
        frames.append(frame[own.isin(set(slices))].assign(source=path))
    return pd.concat(frames, ignore_index=True)


def read_tested(paths: Mapping[str, str]) -> pd.DataFrame:
    """Test items of some files of splits, a row an item: dataset, variable, split, item_id, level, value.

    Args:
        paths: files, each with the identity that it must have.
    """
    return _of_splits(paths, "test", ["item_id", "level", "value"])


def read_trained(paths: Mapping[str, str]) -> pd.DataFrame:
    """Training items of some files of splits: dataset, variable, split, train_on, boot, item_id, rank."""
    return _of_splits(paths, "train", ["train_on", "boot", "item_id", "rank"])


def _of_splits(paths: Mapping[str, str], role: str, columns: list[str]) -> pd.DataFrame:
    frames = []
    for path, identity in paths.items():
        splits, variable = read(path, SPLITS, identity), made_by(path)["settings"]["variable"]
        own = splits.loc[splits["role"] == role, columns].drop_duplicates()
        frames.append(own.assign(dataset=Path(path).parent.name, variable=variable, split=Path(path).stem))
    return pd.concat(frames, ignore_index=True)


def read_levels(paths: Mapping[str, str]) -> Levels:
    """By dataset and variable, the names of the levels in the order that some files of splits record.

    Args:
        paths: files, whose identity `read_tested` asks for.
    """
    made = [made_by(path)["settings"] for path in paths]
    return {(one["dataset"], one["variable"]): one["order"] for one in made}


def read_hardness(paths: Mapping[str, str]) -> pd.DataFrame:
    """Hardness rows of several datasets, with the dataset, after which a file is named, in a column of its own.

    Args:
        paths: files, each with the identity that it must have.
    """
    frames = [read(path, HARDNESS, identity).assign(dataset=Path(path).stem) for path, identity in paths.items()]
    return pd.concat(frames, ignore_index=True)


def read_chance(paths: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """By dataset, after which a file of items is named, the accuracy of a blind guess at each item that has choices.

    Args:
        paths: files, each with the identity that it must have.
    """
    found: dict[str, dict[str, float]] = {}
    for path, identity in paths.items():
        items = read(path, ITEMS, identity)
        sizes = items["choices"].map(len)
        asked = items[sizes > 0]
        found[Path(path).stem] = dict(zip(asked["item_id"], 1.0 / sizes[sizes > 0], strict=True))
    return found


def read_clusters(paths: Mapping[str, str], names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """By dataset, the cluster of each item.

    Args:
        paths: files of items, each with the identity that it must have.
        names: by dataset, the column that names them.

    Raises:
        UphillError: there is no such column, or an item has no cluster.
    """
    found: dict[str, dict[str, str]] = {}
    for path, identity in paths.items():
        dataset = Path(path).stem
        if dataset not in names:
            continue
        items, column = read(path, ITEMS, identity), names[dataset]
        if column not in items:
            raise UphillError(
                f"datasets.{dataset}.cluster: {path} has no column {column!r}, expected one of {list(items.columns)}"
            )
        if items[column].isna().any():
            first = items.loc[items[column].isna(), "item_id"].iloc[0]
            raise UphillError(f"datasets.{dataset}.cluster: item {first!r} has no {column}, expected one of every item")
        found[dataset] = dict(zip(items["item_id"], items[column].astype(str), strict=True))
    return found


def read_columns(paths: Mapping[str, str], names: Mapping[str, Sequence[str]]) -> dict[str, pd.DataFrame]:
    """By dataset, some columns of its items, by item_id; a column that there is not is left out.

    Args:
        paths: files of items, each with the identity that it must have.
        names: by dataset, the columns.
    """
    found: dict[str, pd.DataFrame] = {}
    for path, identity in paths.items():
        dataset = Path(path).stem
        if dataset in names:
            items = read(path, ITEMS, identity).set_index("item_id")
            found[dataset] = items[[name for name in names[dataset] if name in items]]
    return found


def correctness(rows: pd.DataFrame, items: list[str]) -> NDArray[np.float64]:
    """[items, boots] of one condition: 1 right, 0 wrong, NaN where the item was not tested in that boot."""
    matrix = rows.pivot(index="item_id", columns="boot", values="correct").reindex(index=items)
    return matrix.to_numpy(dtype=np.float64, na_value=np.nan)


def answered(rows: pd.DataFrame, items: list[str], clusters: Mapping[str, str] | None = None) -> Condition:
    """The results of one training condition on some items.

    Args:
        rows: of the grades contract, of one condition.
        items: ids, the order of the results.
        clusters: of each item, by id; None where items are drawn one by one.
    """
    trained = bool((rows["train_on"] != UNSUPERVISED).any())
    groups = None if clusters is None else [clusters[item] for item in items]
    return condition(correctness(rows, items), trained, groups)


def write_table(table: pd.DataFrame, path: str) -> None:
    """Write a CSV whole; six decimals are far below any interval's width.

    Where all labels are the datasets' own, there is no column of them.
    Beside each column of p-values comes one of them adjusted for the number of comparisons in the table.
    """
    if LABELS in table and (table[LABELS] == GOLD).all():
        table = table.drop(columns=LABELS)
    for name in [str(column) for column in table.columns if str(column).endswith("_p")]:
        if name not in NOT_A_TEST:
            table.insert(
                table.columns.get_loc(name) + 1, f"{name}_adjusted", adjusted(table[name].to_numpy(dtype=float))
            )
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f")
