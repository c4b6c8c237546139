"""Grades of cells whose number of right answers is known.

Importable by the tests beside it.
"""

from typing import Any

import numpy as np
import pandas as pd


def answers(right: int, items: list[str], boots: int = 3, **columns: Any) -> pd.DataFrame:
    """Grades: in each boot so many items are right, the first but for a turn of three items."""
    turned = [(place - 3 * boot) % len(items) < right for boot in range(boots) for place in range(len(items))]
    read = {"k": 0, "cot": False, "prompt": "0040", "dropped": 0, "noise_p": 0.0, "labels": "gold"}
    made = {"model": "m", "dataset": "d", "variable": "v", "train_dataset": "d", "method": "probe", "source": "file"}
    return pd.DataFrame(
        {"item_id": items * boots, "correct": turned, "boot": np.repeat(range(boots), len(items))}
    ).assign(**{**read, **made, "status": "ok", "ended": None, **columns})
