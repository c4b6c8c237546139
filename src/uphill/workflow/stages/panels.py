"""Panels: who answered which items of a dataset rightly, as a matrix that a scale of difficulty is made of."""

from collections.abc import Iterator

from uphill.config.panels import Chosen, chosen
from uphill.workflow.jobs import Job, Settings, once
from uphill.workflow.paths import matrix_path, respondents_path, taught_by
from uphill.workflow.stages.grades import slices
from uphill.workflow.stages.items import items
from uphill.workflow.stages.responses import responses
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study


def jobs(study: Study) -> Iterator[Job]:
    """One a panel of a dataset that some experiment involves."""
    yield from (matrix(study, name) for name, panel in study.config.panels.items() if panel.dataset in study.datasets)


@once
def matrix(study: Study, panel: str) -> Job:
    """The answers of a panel; of each file of grades it depends on its own slices only."""
    entry, cells = study.config.panels[panel], list(chosen(study.config, panel))

    def decide() -> Settings:
        return {
            "panel": panel,
            "dataset": entry.dataset,
            "models": list(entry.models),
            "cells": [_cells(one) for one in cells],
        }

    read = {
        "questions": [items(study, entry.dataset)],
        "responses": [responses(study, model, entry.dataset) for model in entry.models],
        "grades": [slices(study, one.method, one.model, entry.dataset, one.labels)[one.arm.slice] for one in cells],
        "splits": [splits(study, entry.dataset, one.arm.split) for one in cells],
    }
    return Job(
        rule="matrix",
        wildcards={"panel": panel},
        title=f"Answers of panel {panel}",
        named=f"panels.{panel}",
        record=f"matrices/{panel}",
        outputs={"matrix": [matrix_path(panel)], "respondents": [respondents_path(panel)]},
        decide=decide,
        reads={name: list(dict.fromkeys(jobs)) for name, jobs in read.items() if jobs},
        from_config=dict.fromkeys(("dataset", "models", "cells"), f"panels.{panel}"),
    )


def _cells(one: Chosen) -> Settings:
    return {
        "method": one.method,
        "model": one.model,
        "experiment": one.arm.experiment,
        "variable": one.arm.variable,
        "split": one.arm.split,
        "taught": taught_by(one.labels),
        "train_on": list(one.train_on),
        "boots": None if one.boots is None else list(one.boots),
    }
