"""A hardness measure that, on a cluster, takes too long the first time that it is run.

Copied into a checkout, as anyone's own measure is.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel

from uphill.hardness.data import Graded, OnModel, long_form

RUNS_MODEL = True
READS_RESPONSES = False
PATIENCE_S = 900


class Settings(BaseModel, extra="forbid", frozen=True):
    """Nothing to set."""


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    return [name]


def measure(name: str, settings: Settings, data: OnModel) -> pd.DataFrame:
    been_here = Path("been-late")
    if "SLURM_JOB_ID" in os.environ and not been_here.exists():
        been_here.touch()
        time.sleep(PATIENCE_S)
        raise AssertionError(f"nobody minded that this job took {PATIENCE_S} s")
    return long_form(data.items["question"].map(len).to_frame(name), kind="model")
