"""Whether a student gives the very answers that its teacher gives: chance-adjusted agreement (Goel et al. 2025)."""

import numpy as np
import pandas as pd

from uphill.stats.agreement import probabilistic_agreement

CAPA = ("capa", "capa_choice")


def same_answers(student: pd.DataFrame, weak: pd.DataFrame) -> dict[str, float]:
    """`capa`, of the probabilities that both give to the choices, and `capa_choice`, of the choices that both take.

    Nothing where an answer of either is a text, which no probability was given to.

    Args:
        student: rows of the grades contract, of one way to train on some items.
        weak: of another model on the same items, of as many boots or of one, which stands beside each.
    """
    if student["shares"].isna().any() or weak["shares"].isna().any():
        return {}
    on = ["item_id", *(["boot"] if weak["boot"].nunique() > 1 else [])]
    columns = ["shares", "p_gold", "correct"]
    both = student.merge(weak[[*on, *columns]], on=on, suffixes=("", "_weak"), validate="many_to_one")
    if both.empty or both["shares"].map(len).min() < 2:
        return {}
    own, other, boots = both["shares"].tolist(), both["shares_weak"].tolist(), both["boot"]
    taken, others = ([_certain(row) for row in rows] for rows in (own, other))
    return {
        "capa": probabilistic_agreement(own, other, both["p_gold"], both["p_gold_weak"], boots).kappa,
        "capa_choice": probabilistic_agreement(taken, others, both["correct"], both["correct_weak"], boots).kappa,
    }


def _certain(shares: list[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """All on the choice that a grader takes, the first of several that are level."""
    return np.asarray(np.arange(len(shares)) == int(np.argmax(shares)), dtype=np.float64)
