"""The jobs of a study, counted from the files that it names, and those of them that load a model."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from uphill.workflow import CORRELATIONS, READS_RESPONSES, RUNS_MODEL, Plan

RULES = {
    "items": "items",
    "responses": "responses",
    "hardness": "hardness",
    "splits": "splits",
    "predictions": "predictions",
    "tables": "table",
    "figures": "figure",
    "report.html": "report",
}
"""What a file's folder under results/ says of the rule that makes it."""
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
    return list(dict.fromkeys([*(_job(plan, PurePath(path)) for path in plan.everything()), *_measures(plan)]))


def by_rule(found: list[Job]) -> dict[str, int]:
    """How many jobs each rule runs."""
    return dict(Counter(job.rule for job in found))


def _measures(plan: Plan) -> Iterator[Job]:
    """`everything` names only the tables that measures are joined to."""
    rules = {measure: rule for need, rule in MEASURE_RULES.items() for measure in plan.measures_needing(need)}
    for dataset in plan.tested():
        for measure, model in plan.measure_jobs(dataset):
            yield Job(rules[measure], measure, model or "", dataset)


def _job(plan: Plan, path: PurePath) -> Job:
    """The job that makes a file."""
    _, folder, *rest = path.parts
    rule = RULES[folder]
    if rule == "responses":
        model, dataset, _ = rest
        return Job(rule, "", model, dataset)
    if rule == "predictions":
        method, model, name = rest
        return Job(PREDICTION_RULES[plan.runs_model(method)], method, model, PurePath(name).stem)
    # A figure is one job in two formats.
    name = "/".join(rest).removesuffix(path.suffix)
    return Job("correlations" if rule == "table" and name.startswith(CORRELATIONS) else rule, name)
