"""Minimum description length without training, from the zero-shot pass (see `description_length`)."""

from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel, ConfigDict

from uphill.hardness.data import Graded, Responded
from uphill.hardness.description_length import described, names, to_bits

RUNS_MODEL = False
READS_RESPONSES = True
LIKE = ("zero_shot", "icl")
READS_STATES = False


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The published score, named after the config entry, and its `_bits`; of any dataset with right answers."""
    return names(name) if dataset.answered else []


def measure(name: str, settings: Settings, data: Responded) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """Without training every answer is sent with the same model, so the code length is -log2 p."""
    table = data.responses
    gold = table.gold(data.items)
    log_p = table.log_p_gold(gold)
    return described(name, table.item_ids, log_p / table.length(gold), to_bits(log_p))
