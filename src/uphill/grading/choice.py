"""The likeliest of an item's choices, by their scores: accuracy, and accuracy normalised by length, from one pass.

`norm: tokens` is the first release's mean log-probability a token (Hase et al. 2024, code release, answer_scoring).
Scores that are no sums over tokens (of a probe, calibrated, or averaged over prompts) have no length to normalise by.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from uphill.grading.grade import Grade, GraderSettings, Item, Output

NO_SCORES = "a text or an item without choices was given, expected scores of choices; name another grader"


class Settings(GraderSettings):
    """Settings of `choice`."""

    norm: Literal["none", "chars", "tokens"] = Field(
        "none",
        description="Compare summed log-probabilities, or their means per character (acc_norm) or per token. Other "
        "scores (of a probe, calibrated, averaged over prompts) are compared as they are.",
    )


def grade(settings: Settings, item: Item, output: Output) -> Grade:
    """Choose by the scores; `shares` and `p_gold` are the softmax of the same numbers that are compared.

    Raises:
        ValueError: there are no scores, not one a choice, or the item has no right choice.
    """
    if item.answer_idx is None:
        raise ValueError(NO_SCORES)
    scores = compared(settings, item, output)
    best = int(scores.argmax())
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    p_gold = float(shares[item.answer_idx])
    return Grade("ok", item.choices[best], best == item.answer_idx, p_gold=p_gold, shares=shares.tolist())


def compared(settings: Settings, item: Item, output: Output) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """[C] the scores of an item's choices as they are compared: the largest is chosen. Its right answer is not read.

    Raises:
        ValueError: there are no scores, not one a choice, or they are no numbers.
    """
    if output.scores is None:
        raise ValueError(NO_SCORES)
    scores = np.asarray(output.scores, dtype=np.float64)
    if len(scores) != len(item.choices):
        raise ValueError(f"{len(scores)} scores for {len(item.choices)} choices, expected one each")
    if np.isnan(scores).any() or np.isinf(scores.max()):
        raise ValueError(f"the scores are {scores.tolist()}, expected numbers, one of them finite")
    return np.asarray(scores / _lengths(settings.norm, item, output), dtype=np.float64)


def _lengths(norm: str, item: Item, output: Output) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """[C] what each score is divided by."""
    if norm == "none" or not len(output.n_tokens):
        return np.ones(len(item.choices))
    if len(output.n_tokens) != len(item.choices):
        raise ValueError(f"lengths of {len(output.n_tokens)} of {len(item.choices)} choices, expected one each")
    lengths = output.n_tokens if norm == "tokens" else [len(choice) for choice in item.choices]
    return np.maximum(1, np.array(lengths, dtype=np.float64))
