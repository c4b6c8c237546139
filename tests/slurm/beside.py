"""Few-shot prompting that, on a cluster, waits for another job to be at work beside it.

Copied into a checkout, as anyone's own method is.
"""

import os
import time
from pathlib import Path

from uphill.methods import icl
from uphill.methods.context import Cell, Context, Predicted
from uphill.methods.icl import READS_RESPONSES, RUNS_MODEL, Settings, cells, misfit

__all__ = ["READS_RESPONSES", "RUNS_MODEL", "Settings", "cells", "misfit", "predict"]

PATIENCE_S = 150


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    wait_for("been-large-again", "been-beside")
    return icl.predict(context, settings, cells)


def wait_for(other: str, own: str) -> None:
    """Say that this job is at work, and wait until the other has said so, or for long enough; on a cluster alone."""
    deadline = time.monotonic() + PATIENCE_S
    if "SLURM_JOB_ID" in os.environ:
        Path(own).touch()
        while not Path(other).exists() and time.monotonic() < deadline:
            time.sleep(0.2)
