"""The layouts of the wide tables, after the tables and figures of Hase et al. 2024, and what they need of tidy ones."""

from collections.abc import Mapping, Sequence

import pandas as pd

from uphill.schemas.level_names import BIN, PANEL, extremes, from_easiest, hardest, in_order
from uphill.schemas.names import ALL, LEVELS, UNSUPERVISED
from uphill.stats.bootstrap import Interval
from uphill.stats.paired import Difference
from uphill.stats.recovery import Supervision
from uphill.tables.wide import Estimate, Part, WideLayout

TRAINING = ("method", "n_train", "train_dataset")
"""Row columns that tell of training, which no supervision has none of: its accuracy stands in all their rows."""

ACCURACY = Estimate("accuracy", "low", "high")
GAIN = Estimate("gain", "gain_low", "gain_high", "gain_p", signed=True)
SGR_ONLY = Estimate("sgr", "sgr_low", "sgr_high", percent=False, instead="instead")
SGR_AND_P = Estimate("sgr", "sgr_low", "sgr_high", "sgr_p", percent=False, instead="instead")
N_TEST = Part("n test", "tested")


def estimates(**found: Interval | Difference) -> dict[str, float]:
    """Columns of a tidy row: for each name NAME, NAME_low, NAME_high, and NAME_p for a difference."""
    row: dict[str, float] = {}
    for name, value in found.items():
        row |= {name: value.point, f"{name}_low": value.low, f"{name}_high": value.high}
        if isinstance(value, Difference):
            row[f"{name}_p"] = value.p_value
    return row


def supervision_estimates(found: Supervision) -> dict[str, float]:
    """Columns of a tidy row of comparisons: easy, hard, unsupervised, hard_easy, easy_unsupervised and sgr."""
    sgr = found.sgr
    return estimates(
        easy=found.easy,
        hard=found.hard,
        unsupervised=found.unsupervised,
        hard_easy=found.hard_easy,
        easy_unsupervised=found.easy_unsupervised,
        sgr=Difference(sgr.sgr, sgr.low, sgr.high, sgr.p_value, sgr.draws),
    )


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """With `ran`, the method's id, and in `method` whether it reasons first."""
    reasons = table["cot"].astype(bool) & ~table["method"].str.contains("cot")
    named = table["method"] + reasons.map({True: " CoT", False: ""})
    return table.assign(ran=table["method"], method=named).reset_index(drop=True)


def _with_tested(table: pd.DataFrame, rows: Sequence[str]) -> pd.DataFrame:
    """With `tested`, the number of test items over the cells of a row: one number, or the least and the most."""
    groups = table.groupby(list(rows), sort=False, observed=True)["n_test"]
    low, high = groups.transform("min"), groups.transform("max")
    spans = [f"{a:.0f}" if a == b else f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True)]
    return table.assign(tested=pd.Series(spans, index=table.index, dtype=object))


def _with_supervision(table: pd.DataFrame) -> pd.DataFrame:
    """With `supervision`: Unsupervised, All, and levels as readers know them; `rank` orders these from easy to hard.

    The first and the last bin of a variable that is cut into bins are Easy and Hard. Other names, as a ladder's rungs,
    stay as they are, in the order of `train_on`'s categories, or else as they come.
    """
    trained = table["train_on"].astype(str)
    order = table["train_on"].cat.categories if hasattr(table["train_on"], "cat") else trained.unique()
    if all(level in (UNSUPERVISED, ALL, *LEVELS) or level.startswith(BIN) for level in order):
        order = in_order(order)
    labels = trained.replace({level: level.capitalize() for level in (ALL, *LEVELS)} | {UNSUPERVISED: "Unsupervised"})
    for _, rows in trained.groupby([table[name] for name in PANEL], sort=False):
        first, last = extremes(rows)
        labels[rows.index[rows == first]] = "Easy"
        labels[rows.index[rows == last]] = "Hard"
    rank = trained.map({level: place for place, level in enumerate(order)})
    ends = labels.map({"Unsupervised": -2, "Easy": -1, "Hard": len(order)})
    return table.assign(train_on=trained, supervision=labels, rank=ends.fillna(rank).astype(int))


def _spread(table: pd.DataFrame, rows: Sequence[str], unsupervised: Mapping[str, str]) -> pd.DataFrame:
    """With Unsupervised, which is one method's for each dataset, in every row of its model and test items."""
    none = table["train_on"] == UNSUPERVISED
    baseline = table[none & (table["ran"] == table["dataset"].map(unsupervised))]
    keys = table.loc[~none, list(rows)].drop_duplicates()
    tested = [name for name in rows if name not in TRAINING]
    spread = keys.merge(baseline.drop(columns=[name for name in rows if name in TRAINING]), on=tested)
    return pd.concat([table[~none], spread], ignore_index=True)


def _all_to_all(table: pd.DataFrame, _: Mapping[str, str]) -> pd.DataFrame:
    return _with_tested(_named(table[table["test_on"] == ALL]), ["model", "dataset", "variable"])


def _population(table: pd.DataFrame, unsupervised: Mapping[str, str]) -> pd.DataFrame:
    frame = _spread(_with_supervision(_named(hardest(table))), POPULATION_ROWS, unsupervised)
    return _with_tested(frame, POPULATION_ROWS)


def _on_hardest(table: pd.DataFrame, _: Mapping[str, str]) -> pd.DataFrame:
    return _with_supervision(_named(hardest(table)))


def _ladders(table: pd.DataFrame, unsupervised: Mapping[str, str]) -> pd.DataFrame:
    return _spread(_with_supervision(_named(table)), LADDER_ROWS, unsupervised)


def _with_status(table: pd.DataFrame, _: Mapping[str, str]) -> pd.DataFrame:
    """An SGR that is not defined, or of a negative gap, is its status."""
    shown = table["status"].where(table["status"] != "defined", "")
    return _with_tested(_named(table.assign(instead=shown)), POPULATION_ROWS)


def _quantization(table: pd.DataFrame, _: Mapping[str, str]) -> pd.DataFrame:
    return _with_tested(_named(table), QUANTIZATION_ROWS)


def _accuracy(name: str) -> Estimate:
    return Estimate(name, f"{name}_low", f"{name}_high")


def _compared(name: str) -> Estimate:
    return Estimate(name, f"{name}_low", f"{name}_high", f"{name}_p", signed=True)


POPULATION_ROWS = ("model", "dataset", "variable", "method", "n_train", "train_dataset")
LADDER_ROWS = ("model", "method", "n_train")  # rungs are of several datasets, which name no row
QUANTIZATION_ROWS = ("dataset", "variable", "method", "n_train", "model")

LAYOUTS: Mapping[str, WideLayout] = {
    # The paper's table 4; section 8.8, T1.
    "all_to_all": WideLayout(
        ("model", "dataset", "variable"),
        (Part("{method} n={n_train}", ACCURACY, ("n_train", "method")), N_TEST),
        _all_to_all,
        incidental=("variable",),
    ),
    "population": WideLayout(
        POPULATION_ROWS,
        (
            Part("{supervision}", ACCURACY, ("rank",)),
            Part("Easy - Unsupervised", GAIN, keep=from_easiest),
            N_TEST,
        ),
        _population,
    ),
    "sgr": WideLayout(
        ("model", "dataset", "variable", "train_dataset"), (Part("{method} n={n_train}", SGR_ONLY),), _with_status
    ),
    # Section 8.8, T2: from the table of SGR.
    "comparisons": WideLayout(
        POPULATION_ROWS,
        (
            Part("Unsupervised", _accuracy("unsupervised")),
            Part("Easy", _accuracy("easy")),
            Part("Hard", _accuracy("hard")),
            Part("Hard - Easy", _compared("hard_easy")),
            Part("Easy - Unsupervised", _compared("easy_unsupervised")),
            Part("SGR", SGR_AND_P),
            N_TEST,
        ),
        _with_status,
    ),
    "learning_curves": WideLayout(
        ("model", "dataset", "variable", "method", "supervision", "train_dataset"),
        (Part("n={n_train}", ACCURACY, ("n_train",)),),
        _on_hardest,
    ),
    "noisy_labels": WideLayout(
        ("model", "dataset", "variable", "method", "n_train", "supervision", "train_dataset"),
        (Part("p={easy_noise_p:g}", ACCURACY, ("easy_noise_p",)),),
        _on_hardest,
    ),
    "ladders": WideLayout(LADDER_ROWS, (Part("{supervision}", ACCURACY, ("rank",)),), _ladders),
    # Columns of `estimates(full=..., quantized=..., difference=...)`.
    "quantization": WideLayout(
        QUANTIZATION_ROWS,
        (
            Part("Full", _accuracy("full")),
            Part("Quantized", _accuracy("quantized")),
            Part("Quantized - Full", _compared("difference")),
            N_TEST,
        ),
        _quantization,
        incidental=("variable",),
    ),
}
"""By name; `wide(table, LAYOUTS[name], unsupervised)`. A ladder of any name has the layout `ladders`."""
TIDY = {"comparisons": "sgr"}
"""The tidy table of a layout, where it is not the one that it is named after."""
