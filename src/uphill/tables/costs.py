"""What texts and trainings cost, a row a generation or a trained model, as their own files record it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

TITLE = "Cost of texts and trainings"
CAPTION = (
    "A row a generation or a training, each made once whoever uses it. `prompts` are items that were asked, each read "
    "once for all its texts; `read`, `written` and `trained` count tokens, padding left out; `updates` are optimiser "
    "steps; `hours` are of the attempts that finished a training or a generation's shards, loading included, not of "
    "those that were killed. The report's own account has every stage."
)
COLUMNS = ["stage", "name", "model", "dataset", "prompts", "texts", "read", "written", "trained", "updates", "hours"]
GENERATION, TRAINING = "generation", "training"


def of_generation(name: str, entry: Mapping[str, Any], texts: pd.DataFrame, seconds: float) -> dict[str, Any]:
    """The cost of one generation.

    Args:
        name: its name.
        entry: `model` and `dataset`.
        texts: rows of the generations contract.
        seconds: that its shards took, one after the other.
    """
    asked = texts.drop_duplicates("item_id")
    return {
        **{"stage": GENERATION, "name": name, "model": entry["model"], "dataset": entry["dataset"]},
        **{"prompts": len(asked), "texts": len(texts)},
        **{"read": int(asked["n_prompt_tokens"].sum()), "written": int(texts["n_tokens"].sum())},
        "hours": seconds / 3600,
    }


def of_training(name: str, entry: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The cost of one training.

    Args:
        name: the trained model's.
        entry: its base, as `model`, and `dataset`.
        told: what the training says of itself: items, updates, tokens, seconds.
    """
    return {
        **{"stage": TRAINING, "name": name, "model": entry["model"], "dataset": entry["dataset"]},
        **{"prompts": told["items"], "trained": told["tokens"], "updates": told["updates"]},
        "hours": told["seconds"] / 3600,
    }


def cost_rows(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table: counts are whole numbers, empty where a stage has none."""
    whole = ["prompts", "texts", "read", "written", "trained", "updates"]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(whole, "Int64"))
