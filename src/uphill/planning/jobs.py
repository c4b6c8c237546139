"""The jobs of a study, as its plan names them, and those of them that load a model."""

from collections import Counter
from dataclasses import dataclass

from uphill.workflow import READS_RESPONSES, RUNS_MODEL, Plan

MEASURE_RULES = {None: "measure", READS_RESPONSES: "measure_from_responses", RUNS_MODEL: "measure_on_model"}
PREDICTION_RULES = {True: "predictions_on_model", False: "predictions_from_responses"}
RESPONSES, MEASURE, PREDICTIONS = "responses", "measure_on_model", "predictions_on_model"


@dataclass(frozen=True, order=True)
class Job:
    """A job, by its rule and whatever tells it from others of that rule.

    Attributes:
        name: the method, measure, variable, table or figure; empty where the rule has none.
    """

    rule: str
    name: str = ""
    model: str = ""
    dataset: str = ""

    @property
    def loads_model(self) -> bool:
        """Whether it loads `model`."""
        return self.rule in (RESPONSES, MEASURE, PREDICTIONS)

    @property
    def stage(self) -> str:
        """What a reader calls it: the method or measure, or the rule."""
        return self.name if self.loads_model and self.name else self.rule


def jobs(plan: Plan) -> list[Job]:
    """Every job of the study, finished or not; the workflow's own target is none."""
    measures = {measure: rule for need, rule in MEASURE_RULES.items() for measure in plan.measures_needing(need)}
    datasets = plan.tested()
    return [
        *(Job("items", dataset=dataset) for dataset in datasets),
        *(Job(RESPONSES, "", *job) for job in plan.response_jobs()),
        *(
            Job(measures[measure], measure, model or "", dataset)
            for dataset in datasets
            for measure, model in plan.measure_jobs(dataset)
        ),
        *(Job("hardness", dataset=dataset) for dataset in datasets),
        *(Job("splits", draw, dataset=dataset) for dataset, draw in plan.drawn()),
        *(Job(PREDICTION_RULES[plan.runs_model(job[0])], *job) for job in plan.prediction_jobs()),
        *(Job("table", table) for table in plan.table_names()),
        *(Job("correlations", dataset=dataset) for dataset in datasets),
        Job("wide"),
        *(Job("figure", figure) for figure in plan.figure_names()),
        Job("report"),
    ]


def by_rule(found: list[Job]) -> dict[str, int]:
    """How many jobs each rule runs."""
    return dict(Counter(job.rule for job in found))
