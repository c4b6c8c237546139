"""Few-shot prompting that, on a cluster, takes too much memory at first, and then waits for another job beside it.

Copied into a checkout, as anyone's own method is.
"""

import os
import time
from pathlib import Path

from uphill.methods.beside import wait_for

from uphill.methods import icl
from uphill.methods.context import Cell, Context, Predicted
from uphill.methods.icl import READS_RESPONSES, RUNS_MODEL, Settings, cells, misfit

__all__ = ["READS_RESPONSES", "RUNS_MODEL", "Settings", "cells", "misfit", "predict"]

PATIENCE_S = 60
TOO_MUCH = 2 * 1024**3


def predict(context: Context, settings: Settings, cells: list[Cell]) -> Predicted:
    been_here = Path("been-large")
    if "SLURM_JOB_ID" in os.environ and not been_here.exists():
        been_here.touch()
        held = b"\1" * TOO_MUCH
        time.sleep(PATIENCE_S)
        raise AssertionError(f"nobody minded that this job held {len(held)} bytes for {PATIENCE_S} s")
    wait_for("been-beside", "been-large-again")
    yield from icl.predict(context, settings, cells)
