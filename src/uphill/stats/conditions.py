"""Conditions: which test items a way to train got right in each of its boots, and their accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from uphill.stats.bootstrap import FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Condition:
    """Right and wrong answers of one training condition.

    Attributes:
        correct: [items, boots]; 1 right, 0 wrong, NaN not tested in that boot. No boot is without a tested item.
        trained: whether a boot is one of the training draws that might have been made. What no training data enters is
            the same however often it is repeated, so that one boot says all of it.
        clusters: [items] the group of items that each is of, such as those of one passage; None where items are drawn
            one by one.
    """

    correct: FloatArray
    trained: bool = True
    clusters: IntArray | None = None

    @cached_property
    def accuracy(self) -> float:
        """As the function of that name."""
        tested = tested_cells(self.correct)
        right = np.where(tested, self.correct, 0.0).sum(axis=0)
        return float(np.mean(right / tested.sum(axis=0)))

    @property
    def boots(self) -> int:
        """How many there are."""
        return self.correct.shape[1]

    def of(self, items: npt.NDArray[np.bool_]) -> FloatArray:
        """`correct` with all other items untested; boots stay, tested or not."""
        return np.where(items[:, None], self.correct, np.nan)


def condition(correct: npt.ArrayLike, trained: bool = True, clusters: npt.ArrayLike | None = None) -> Condition:
    """A condition, without its never-tested boots.

    Args:
        correct: [items, boots], as in `Condition`.
        trained: as there.
        clusters: [items] names of any kind.

    Raises:
        ValueError: `correct` is not 2-D, is empty or all NaN, or holds another value; `clusters` is of another length.
    """
    matrix = checked(correct, "correct")
    if clusters is None:
        return Condition(matrix, trained)
    names = np.asarray(clusters)
    if names.shape != (len(matrix),):
        raise ValueError(f"clusters: expected one for each of {len(matrix)} items, got shape {names.shape}")
    return Condition(matrix, trained, np.unique(names, return_inverse=True)[1].astype(np.int64))


def accuracy(correct: npt.ArrayLike) -> float:
    """Mean over boots of the mean over that boot's tested items, as a fraction.

    `correct` is items x boots: 1 right, 0 wrong, NaN not tested in that boot. Boots without a tested item count for
    nothing. Raises ValueError for an array that is not 2-D, is empty or all NaN, or holds another value.

    Source: Hase et al. 2024, section 8.1 of the specification.
    """
    # Sums of 0/1 are exact, so the order of the items cannot move the result.
    return Condition(checked(correct, "correct")).accuracy


def tested_cells(matrix: FloatArray) -> npt.NDArray[np.bool_]:
    """True where a boot tested an item."""
    return ~np.isnan(matrix)


def checked(correct: npt.ArrayLike, name: str) -> FloatArray:
    """`correct` as a float64 matrix without its never-tested boots; ValueError if it is no such matrix."""
    matrix = np.asarray(correct, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name}: expected a 2-D array, items x boots, got shape {matrix.shape}")
    tested = tested_cells(matrix)
    if not tested.any():
        raise ValueError(f"{name}: no tested item in an array of shape {matrix.shape}")
    other = matrix[tested & (matrix != 0.0) & (matrix != 1.0)]
    if other.size:
        raise ValueError(f"{name}: expected 0, 1 or NaN, got {other[0]}")
    return matrix[:, tested.any(axis=0)]


def checked_pairs(conditions: Mapping[str, npt.ArrayLike]) -> dict[str, FloatArray]:
    """Float64 matrices of the same items, each without its never-tested boots; ValueError if they are no such thing."""
    if not conditions:
        raise ValueError("no condition to bootstrap")
    matrices = {name: checked(correct, name) for name, correct in conditions.items()}
    same_items(**{name: len(matrix) for name, matrix in matrices.items()})
    return matrices


def same_items(**items: int) -> None:
    """Raise ValueError unless the numbers of items, by condition, are one."""
    if len(set(items.values())) > 1:
        raise ValueError(f"paired conditions must have the same items, got {items} rows")
