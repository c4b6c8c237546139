"""Paths, grids and resources. No rule, and no logic that could be tested elsewhere: that is in uphill.workflow."""

import os
import re
import sys
from pathlib import Path

try:
    from uphill.config import hardware, laying
    from uphill.config.checked import check
    from uphill.config.trained import bases
    from uphill.errors import UphillError
    from uphill.identity import contents, sources
    from uphill.running.leftovers import sweep
    from uphill.running.places import PARTS, shipped
    from uphill.running.provenance import beside
    from uphill.running.stopping import how_to_go_on
    from uphill.why import codes
    from uphill.workflow import fetching, launch, named, paths, preflight
    from uphill.workflow.claims import check_claims
    from uphill.workflow.study import Study
except ModuleNotFoundError as error:
    sys.exit(f"error: {error}; run `make install`, then .venv/bin/snakemake")

CONDA = "../envs/conda.yaml"

# A module's prefix would move the files under the workflow's hands: records, identities and checks go by their paths.
MOVED = workflow.modifier.path_modifier
if MOVED.prefix or MOVED.modifies_prefixes:
    sys.exit(
        "error: module uphill: prefix or replace_prefix is given, expected none; its files lie under results/"
    )

try:
    LAID = laying.laid(config, map(os.path.relpath, workflow.configfiles))
    STUDY = Study(check(LAID.raw, LAID.where))
    HARDWARE = hardware.read(shipped("config/hardware.yaml")).following(
        bases(STUDY.config)
    )
    launch.ungroup(workflow, STUDY)
    # Not again in each job's own process.
    if workflow.is_main_process:
        check_claims(STUDY)
        STUDY.check()
        launch.watch(workflow, STUDY)
        preflight.check(STUDY)
except UphillError as error:
    # One clear line instead of a traceback through Snakemake.
    sys.exit(f"error: {error}")


def begin():
    """Not for a dry run: what a run needs, writes down and says before its first job."""
    try:
        launch.begin(STUDY, jobs_are_here=workflow.local_exec)
        named.record(STUDY, workflow.configfiles)
        codes.record(STUDY)
        contents.keep()
        sources.keep()
    except UphillError as error:
        sys.exit(f"error: {error}")


def clear_up():
    """What jobs kept that are over."""
    sweep(Path(paths.root(), PARTS), 0)


def one_of(names):
    """A pattern for one of some names; for none, one that nothing matches."""
    return f"(?:{'|'.join(map(re.escape, sorted(names)))})" if names else "(?!)"


def values(wildcard, *rules):
    """A pattern for what a wildcard may be, in some rules or in any."""
    return one_of(STUDY.values(wildcard, *rules))


wildcard_constraints:
    dataset=values("dataset"),
    model=values("model"),
    measure=values("measure"),
    split=values("split"),
    panel=values("panel"),
    taught=values("taught"),


def inputs(rule):
    """The files that a job reads, which the study's list of jobs has by the names of a rule's inputs."""
    return unpack(lambda wildcards: STUDY.inputs(rule, wildcards))


def spec(rule):
    """What decides the result of a job of a rule."""
    return lambda wildcards: STUDY.spec(rule, wildcards)


def on_cpu(resource):
    """What a job that loads no model asks for; memory and time double with each attempt."""
    return lambda wildcards, attempt: HARDWARE.asked(None, resource, attempt)


def to_hold(rule):
    """The memory of a job that loads no model, by the size of the files that it holds in memory."""
    return lambda wildcards, attempt: HARDWARE.asked_to_read(
        STUDY.job(rule, wildcards).held, attempt
    )


def on_model(resource):
    """What a job that loads `wildcards.model` asks for; memory and time double with each attempt."""
    return lambda wildcards, attempt: HARDWARE.asked(wildcards.model, resource, attempt)


def model_threads(wildcards):
    return HARDWARE.of(wildcards.model).threads


def on_its_model(rule, resource):
    """What a job asks for that loads the model which its entry of the config names, or none."""
    return lambda wildcards, attempt: HARDWARE.asked(
        STUDY.job(rule, wildcards).model, resource, attempt
    )


def threads_of(rule):
    return lambda wildcards: HARDWARE.of(STUDY.job(rule, wildcards).model).threads
