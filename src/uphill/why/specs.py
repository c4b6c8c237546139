"""Today's spec of every file that the workflow makes."""

from collections.abc import Iterable

from uphill.workflow import (
    Plan,
    correlations_path,
    hardness_path,
    items_path,
    measure_path,
    predictions_path,
    splits_path,
    table_path,
)
from uphill.workflow.paths import REPORT
from uphill.workflow.plan import Spec


def specs(plan: Plan) -> dict[str, Spec]:
    """By file, the spec of the job that makes it."""
    return dict(_pairs(plan))


def _pairs(plan: Plan) -> Iterable[tuple[str, Spec]]:
    for dataset in plan.tested():
        yield items_path(dataset), plan.items_spec(dataset)
        yield hardness_path(dataset), plan.hardness_spec(dataset)
        yield correlations_path(dataset), plan.correlations_spec(dataset)
        for job in plan.measure_jobs(dataset):
            yield measure_path(dataset, *job), plan.measure_spec(dataset, *job)
    for passed in plan.response_jobs():
        spec = plan.responses_spec(*passed)
        yield from ((path, spec) for path in plan.shard_paths(*passed))
    for drawn in plan.drawn():
        yield splits_path(*drawn), plan.splits_spec(*drawn)
    for predicted in plan.prediction_jobs():
        yield predictions_path(*predicted), plan.predictions_spec(*predicted)
    for table in plan.table_names():
        yield table_path(table), plan.table_spec(table)
    yield from ((path, plan.wide_spec()) for path in plan.wide_tables())
    for figure in plan.figure_names():
        spec = plan.figure_spec(figure)
        yield from ((path, spec) for path in plan.figures() if path.rsplit("/")[-1].rsplit(".", 1)[0] == figure)
    yield REPORT, plan.report_spec()
