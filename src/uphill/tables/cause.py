"""Attempts at the cause: do probes find one direction, is a gain format or content, and what does a model not say."""

from uphill.tables.probe_angles import AS_ALIKE, angle_rows
from uphill.tables.table import INTERVAL, Table
from uphill.tables.unsaid import random_label_rows, unsaid_rows

TABLES = {
    "probe_angles": Table(
        angle_rows,
        "Directions of probes",
        "One row per probe, hidden state and pair of levels. Probes are fitted anew to halves of each training draw "
        "(`n_train` items each). `across` is the mean cosine of the directions of halves of different levels, `same` "
        "that of the two halves of one level, `chance` what two random directions stay below in that share of pairs. "
        f"`alike` is across over same, which is 1 where both levels have one direction (`one_direction`: at least "
        f"{AS_ALIKE:g}). In brackets, an interval over training draws, of these items.",
        reads_states=True,
    ),
    "random_labels": Table(
        random_label_rows,
        "Gain with right labels and with random ones",
        "One row per training condition that is also trained with every label drawn at random, on the same texts. "
        "`content` is what right labels are better by, `format` the share of the gain that is there with random ones. "
        f"`as_good`: random labels are as good as right ones within the margin, and themselves help. {INTERVAL}",
    ),
    "unsaid": Table(
        unsaid_rows,
        "Right with supervision and wrong without",
        "One row per training condition and test level. `unsaid` is the share of items that are right with supervision "
        "and wrong without, `lost` the reverse, which guessing makes too; `gain` is the one less the other. The `best` "
        "of a level is chosen by the same answers, which flatters it. "
        f"{INTERVAL}",
    ),
}
