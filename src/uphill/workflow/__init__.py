"""The DAG without Snakemake: which files there are, and the identity of the job that makes each.

The rules ask this package for paths, specs and resources, so all of it can be tested without running a workflow.
"""

from uphill.workflow.layout import READS_RESPONSES, RUNS_MODEL
from uphill.workflow.paths import (
    REPORT,
    RESULTS,
    correlations_path,
    hardness_path,
    items_path,
    measure_path,
    predictions_path,
    provenance_path,
    splits_path,
    table_path,
)
from uphill.workflow.plan import Plan

__all__ = [
    "READS_RESPONSES",
    "REPORT",
    "RESULTS",
    "RUNS_MODEL",
    "Plan",
    "correlations_path",
    "hardness_path",
    "items_path",
    "measure_path",
    "predictions_path",
    "provenance_path",
    "splits_path",
    "table_path",
]
