"""Min-k probability of an item's question: how likely a model finds the tokens that surprise it most (Shi et al. 2024).

The mean log-probability (nats) of the lowest share of the question's tokens, of the question on its own, as
`text_logprob` reads it: behind BOS, or a line break for a model without, which is not scored. Larger is more likely to
have been read. It also grows where words are common and falls where they are rare, so that it says nothing by itself:
compare it with items of the same kind that cannot have been read.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from uphill.hardness.data import Graded, TextsRead

RUNS_MODEL = False
READS_RESPONSES = False
READS_TEXTS = ("question",)


class Settings(BaseModel):
    """How many tokens count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = Field(None, description="The dataset whose items are measured; all unless given.")
    share: float = Field(0.2, gt=0, le=1, description="Share of the question's tokens, the least likely, rounded up.")


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The mean, named after the config entry."""
    return [name] if settings.dataset in (None, dataset.name) else []


def measure(name: str, settings: Settings, data: TextsRead) -> pd.DataFrame:
    """The mean of each question, with how many tokens it is of (`tokens`)."""
    [text] = READS_TEXTS
    found = {
        item: lowest(np.asarray(tokens, dtype=np.float64), settings.share)
        for item, tokens in data.of(text)["tokens"].items()
    }
    rows = pd.DataFrame(
        [(item, name, float(kept.mean()), "model", len(kept)) for item, kept in found.items()],
        columns=["item_id", "variable", "value", "kind", "tokens"],
    )
    return rows.sort_values(["variable", "item_id"], ignore_index=True)


def lowest(tokens: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The lowest share of some log-probabilities: ceil(share x T) of T, so that it is never none."""
    # What rounding adds to a product that is whole, such as .2 x 15, is no token more.
    count = max(1, math.ceil(share * len(tokens) - 1e-9))
    return np.sort(tokens)[:count]
