"""The job that makes a table: graded predictions to a tidy CSV, one row a cell, every row traceable to its grades."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from uphill import registry
from uphill.identity.specs import together
from uphill.running import provenance
from uphill.running.job import Running
from uphill.schemas.files import made_by
from uphill.tables.predictions import (
    read_chance,
    read_clusters,
    read_columns,
    read_grades,
    read_hardness,
    read_levels,
    read_tested,
    read_trained,
    write_table,
)
from uphill.tables.reliability import read_reliability
from uphill.tables.table import Analysis, Inputs, Table, Teaching


def write(job: Running) -> None:
    """Make one table, and beside it the record of what it was made from, and of its levels in order.

    Raises:
        UphillError: a file of grades was made by another config or other code, or a dataset lacks its column of
            clusters.
    """
    settings, slices = job.settings, {path: job.upstream(path) for path in job.input.grades}
    hardness, splits = job.expected(job.input.hardness), job.expected(job.input.splits)
    table: Table = registry.load("uphill.tables", settings["of"], "TABLES").TABLES[settings["table"]]
    graded, answers = _apart(read_grades(slices, table.reads_shares), settings["teachers"])
    questions, passes = job.expected(job.input.questions), job.expected(job.input.get("responses", []))
    inputs = Inputs(
        predictions=graded,
        tested=read_tested(splits),
        levels=read_levels(splits),
        study=Analysis(
            settings["unsupervised"],
            settings["draws"],
            settings["coverage"],
            settings["seed"],
            settings["margin"],
            trained=read_trained(splits) if settings["seen"] else None,
            chance=read_chance(questions),
            clusters=read_clusters(questions, settings["clusters"]),
            circular={tuple(names): frozenset(alike) for *names, alike in settings["circular"]},
        ),
        hardness=read_hardness(hardness) if hardness else None,
        reliability=read_reliability(job.expected(job.input.get("measures", []))),
        teaching=Teaching(settings["teachers"], answers, read_trained(splits)) if settings["teachers"] else None,
        own={**settings["own"], **({"probes": settings["probes"]} if "probes" in settings else {})},
        columns=read_columns(questions, settings["own"].get("columns", {})),
        states=_by_model(passes),
        drawn=read_trained(splits) if passes else None,
    )
    write_table(table.reduce(inputs), job.output.table)
    sources = {path: made_by(path) for path in slices}
    used = [sources[path]["versions"][slice] for path, own in slices.items() for slice in own]
    made_with = together(job.versions([*job.input.splits, *hardness, *passes]), *used)
    record = {**job.spec, "versions": made_with, provenance.LEVELS: provenance.listed(inputs.levels), **job.notes}
    provenance.write(job.output.provenance, record, [job.output.table], sources)


def _by_model(passes: Mapping[str, str]) -> dict[tuple[str, str], dict[str, str]]:
    """By model and dataset, after which their folders are named, the files of a zero-shot pass, with its identity."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path, identity in passes.items():
        model, dataset, _ = Path(path).parts[-3:]
        found.setdefault((model, dataset), {})[path] = identity
    return found


def _apart(graded: pd.DataFrame, teachers: Mapping[str, Mapping[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The grades of an experiment, and those of teachers, which are of no experiment."""
    taught = (graded["experiment"] + "/" + graded["variable"]).isin({one["slice"] for one in teachers.values()})
    return graded[~taught].reset_index(drop=True), graded[taught].reset_index(drop=True)
