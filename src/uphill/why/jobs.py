"""The jobs of a study with what each makes, from what, and what the terminal calls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uphill.planning.jobs import Job, jobs
from uphill.workflow import (
    REPORT,
    Plan,
    correlations_path,
    hardness_path,
    items_path,
    measure_path,
    predictions_path,
    provenance_path,
    splits_path,
    table_path,
)
from uphill.workflow.paths import figure_path
from uphill.workflow.plan import Spec


@dataclass(frozen=True)
class Planned:
    """One job of the study.

    Attributes:
        job: its rule and whatever tells it from others of that rule.
        title: what it is called while it runs: its rule's message.
        outputs: the files that it makes.
        spec: its identity today.
    """

    job: Job
    title: str
    outputs: tuple[str, ...]
    spec: Spec

    @property
    def identities(self) -> set[str]:
        """Those by which others name it: its own, and of predictions that of each share."""
        return {self.spec["id"], *(share["id"] for share in shares(self.spec).values())}


def shares(spec: Mapping[str, Any]) -> dict[str, Spec]:
    """The specs within a spec of predictions; none of other stages."""
    found: dict[str, Spec] = spec["settings"].get("shares", {}) if spec["stage"] == "predictions" else {}
    return found


def planned(plan: Plan) -> list[Planned]:
    """Every job of the study."""
    return [_planned(plan, job) for job in jobs(plan)]


def _planned(plan: Plan, job: Job) -> Planned:
    name, model, dataset = job.name, job.model, job.dataset
    match job.rule.split("_")[0]:
        case "items":
            made = f"Questions of {dataset}", [items_path(dataset)], plan.items_spec(dataset)
        case "responses":
            title = f"Zero-shot pass of {model} over {dataset}"
            made = title, plan.shard_paths(model, dataset), plan.responses_spec(model, dataset)
        case "measure":
            by = {"measure_from_responses": f" by {model}", "measure_on_model": f" on {model}"}.get(job.rule, "")
            spec = plan.measure_spec(dataset, name, *([model] if model else []))
            made = f"Hardness of {dataset}: {name}{by}", [measure_path(dataset, name, model or None)], spec
        case "hardness":
            made = f"Hardness of {dataset}, with levels", [hardness_path(dataset)], plan.hardness_spec(dataset)
        case "splits":
            made = f"Splits of {dataset} by {name}", [splits_path(dataset, name)], plan.splits_spec(dataset, name)
        case "predictions":
            spec = plan.predictions_spec(name, model, dataset)
            made = f"{name} with {model} on {dataset}", [predictions_path(name, model, dataset)], spec
        case "table":
            path = table_path(name)
            made = f"Table {name}", [path, provenance_path(path)], plan.table_spec(name)
        case "correlations":
            title = f"Rank correlations between the hardness variables of {dataset}"
            path = correlations_path(dataset)
            made = title, [path, provenance_path(path)], plan.correlations_spec(dataset)
        case "wide":
            wide = [*plan.wide_tables(), *map(provenance_path, plan.wide_tables()[::2])]
            made = "Tables as a paper prints them", wide, plan.wide_spec()
        case "figure":
            made = (
                f"Figure {name}",
                [figure_path(name, kind) for kind in ("pdf", "png", "provenance.json")],
                plan.figure_spec(name),
            )
        case _:
            made = "Report", [REPORT], plan.report_spec()
    title, outputs, spec = made
    return Planned(job, title, tuple(outputs), spec)
