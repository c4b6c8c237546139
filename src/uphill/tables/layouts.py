"""What layouts of wide tables share, after those of Hase et al. 2024: cells, and what `prepare` adds."""

from collections.abc import Mapping, Sequence

import pandas as pd

from uphill.schemas.level_names import PANEL, Levels, extremes, from_easiest, hardest, occurring
from uphill.schemas.names import ALL, GOLD, LEVELS, UNSUPERVISED
from uphill.tables.predictions import LABELS
from uphill.tables.wide import Estimate, Part

TRAINING = ("method", "n_train", "train_dataset")
"""Row columns that tell of training, which no supervision has none of: its accuracy stands in all their rows."""
TRAINED_ROWS = ("model", "dataset", "variable", "method", "n_train", "train_dataset")

ACCURACY = Estimate("accuracy", "low", "high")
GAIN = Estimate("gain", "gain_low", "gain_high", "gain_p", signed=True)
N_TEST = Part("n test", "tested")
PGR = Estimate("pgr", "pgr_low", "pgr_high", percent=False, instead="instead")
"""Of `gaps_on_hardest`."""


def accuracy(name: str) -> Estimate:
    """An accuracy of `estimates`."""
    return Estimate(name, f"{name}_low", f"{name}_high")


def compared(name: str) -> Estimate:
    """A difference of `estimates`."""
    return Estimate(name, f"{name}_low", f"{name}_high", f"{name}_p", signed=True)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """With `ran`, the method's id, and in `method` whether it reasons first, and what it was taught by."""
    reasons = table["cot"].astype(bool) & ~table["method"].str.contains("cot")
    named = table["method"] + reasons.map({True: " CoT", False: ""}) + taught_by(table)
    return table.assign(ran=table["method"], method=named).reset_index(drop=True)


def taught_by(table: pd.DataFrame) -> pd.Series:
    """What follows the method in each row: nothing, or the labels in brackets where they are not the dataset's own."""
    if LABELS not in table:
        return pd.Series("", index=table.index)
    return table[LABELS].map(lambda labels: "" if labels == GOLD else f" ({labels})")


def with_tested(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """With `tested`, the number of test items over the cells of a row: one number, or the least and the most."""
    groups = table.groupby(list(rows), sort=False, observed=True)["n_test"]
    low, high = groups.transform("min"), groups.transform("max")
    spans = [f"{a:.0f}" if a == b else f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True)]
    return table.assign(tested=pd.Series(spans, index=table.index, dtype=object))


def with_supervision(table: pd.DataFrame, levels: Levels, ends: bool = True) -> pd.DataFrame:
    """With `supervision`: Unsupervised, All, and levels as readers know them; `rank` orders these from easy to hard.

    Args:
        table: rows with `train_on`.
        levels: in order.
        ends: whether the easiest and the hardest that are trained on are called Easy and Hard.
    """
    trained, order = table["train_on"].astype(str), occurring(table, "train_on", levels)
    labels = trained.replace({level: level.capitalize() for level in (ALL, *LEVELS)} | {UNSUPERVISED: "Unsupervised"})
    for (dataset, variable), rows in trained.groupby([table[name] for name in PANEL], sort=False) if ends else ():
        first, last = extremes(rows, levels.get((str(dataset), str(variable)), ()))
        labels[rows.index[rows == first]] = "Easy"
        labels[rows.index[rows == last]] = "Hard"
    rank = trained.map({level: place for place, level in enumerate(order)})
    fixed = labels.map({"Unsupervised": -2, "Easy": -1, "Hard": len(order)} if ends else {"Unsupervised": -2})
    return table.assign(train_on=trained, supervision=labels, rank=fixed.fillna(rank).astype(int))


def with_easiest(table: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """With `easiest`: whether a row is trained on the easiest level."""
    table = table.reset_index(drop=True)
    return table.assign(easiest=table.index.isin(from_easiest(table, levels).index))


def spread(table: pd.DataFrame, rows: Sequence[str], unsupervised: Mapping[str, str]) -> pd.DataFrame:
    """With Unsupervised, which is one method's for each dataset, in every row of its model and test items."""
    none = table["train_on"] == UNSUPERVISED
    baseline = table[none & (table["ran"] == table["dataset"].map(unsupervised))]
    keys = table.loc[~none, list(rows)].drop_duplicates()
    tested = [name for name in rows if name not in TRAINING]
    everywhere = keys.merge(baseline.drop(columns=[name for name in rows if name in TRAINING]), on=tested)
    return pd.concat([table[~none], everywhere], ignore_index=True)


def on_hardest(table: pd.DataFrame, _: Mapping[str, str], levels: Levels) -> pd.DataFrame:
    """Rows that are tested on the hardest level, with `supervision`."""
    return with_supervision(named(hardest(table, levels)), levels)


def recovered() -> tuple[Part, ...]:
    """What a table of performance gaps prints: who taught, who learned, who had right answers, and what that makes."""
    roles = [Part(role.capitalize(), accuracy(f"{role}_accuracy")) for role in ("weak", "student", "ceiling")]
    return (*roles, Part("PGR", PGR), N_TEST)


def gaps_on_hardest(table: pd.DataFrame, levels: Levels) -> pd.DataFrame:
    """Of a table of performance gaps, the rows on the hardest level that is tested, or on all where there is one.

    `instead` says why there is no PGR where there is none.
    """
    shown = hardest(table, levels)
    return shown.assign(instead=shown["status"].where(shown["status"] != "defined", "")).reset_index(drop=True)
