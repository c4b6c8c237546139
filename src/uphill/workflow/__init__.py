"""The DAG without Snakemake: which jobs there are, what each reads and makes, and its identity.

The rules ask this package for paths, specs and resources, so all of it can be tested without running a workflow.
"""

from uphill.places import RESULTS
from uphill.workflow.claims import check_claims
from uphill.workflow.paths import (
    REPORT,
    benchmark_path,
    correlations_path,
    figure_path,
    hardness_path,
    items_path,
    log_path,
    measure_path,
    predictions_path,
    provenance_path,
    shard_paths,
    splits_path,
    table_path,
    wide_path,
)
from uphill.workflow.study import Study

__all__ = [
    "REPORT",
    "RESULTS",
    "Study",
    "benchmark_path",
    "check_claims",
    "correlations_path",
    "figure_path",
    "hardness_path",
    "items_path",
    "log_path",
    "measure_path",
    "predictions_path",
    "provenance_path",
    "shard_paths",
    "splits_path",
    "table_path",
    "wide_path",
]
