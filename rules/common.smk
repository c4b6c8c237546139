"""Paths, grids and resources. No rule, and no logic that could be tested elsewhere: that is in uphill.workflow."""

import os
import re
import sys

try:
    from uphill import config as uphill_config
    from uphill import (
        digests,
        fetching,
        hardware,
        launch,
        preflight,
        why,
        workflow as paths,
    )
    from uphill.errors import UphillError
    from uphill.stopping import GO_ON
except ModuleNotFoundError as error:
    sys.exit(f"error: {error}; run `make install`, then .venv/bin/snakemake")

RESULTS = paths.RESULTS
CONDA = "../envs/conda.yaml"

try:
    uphill_config.plain_yaml(map(os.path.relpath, workflow.configfiles))
    STUDY = uphill_config.check(
        config, where=", ".join(map(os.path.relpath, workflow.configfiles))
    )
    HARDWARE = hardware.read("config/hardware.yaml")
    PLAN = paths.Plan(STUDY)
    PLAN.check()
    # Not again in each job's own process.
    if workflow.is_main_process:
        launch.watch(workflow, PLAN)
        preflight.check(PLAN)
    EVERYTHING = PLAN.everything()
except UphillError as error:
    # One clear line instead of a traceback through Snakemake.
    sys.exit(f"error: {error}")


def begin():
    """Not for a dry run: what a run needs, writes down and says before its first job."""
    try:
        launch.begin(PLAN, jobs_are_here=workflow.local_exec)
        why.record(PLAN)
        digests.keep()
    except UphillError as error:
        sys.exit(f"error: {error}")


def one_of(names):
    """A pattern for one of some names; for none, one that nothing matches."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


wildcard_constraints:
    dataset=one_of(STUDY.datasets),
    model=one_of(STUDY.models),
    measure=one_of(STUDY.hardness),
    draw=one_of({draw for _, draw in PLAN.drawn()}),


def on_cpu(resource):
    """What a job that loads no model asks for; memory and time double with each attempt."""
    return lambda wildcards, attempt: HARDWARE.asked(None, resource, attempt)


def on_model(resource):
    """What a job that loads `wildcards.model` asks for; memory and time double with each attempt."""
    return lambda wildcards, attempt: HARDWARE.asked(wildcards.model, resource, attempt)


def model_threads(wildcards):
    return HARDWARE.of(wildcards.model).threads


def involved(wildcards):
    return PLAN.involved(wildcards.method, wildcards.model, wildcards.dataset)


def involved_items(wildcards):
    return [paths.items_path(dataset) for dataset in involved(wildcards)]


def involved_splits(wildcards):
    return [
        paths.splits_path(*draw)
        for draw in PLAN.draws(wildcards.method, wildcards.model, wildcards.dataset)
    ]


def measure_by_model_spec(wildcards):
    return PLAN.measure_spec(wildcards.dataset, wildcards.measure, wildcards.model)


def predictions_spec(wildcards):
    return PLAN.predictions_spec(wildcards.method, wildcards.model, wildcards.dataset)
