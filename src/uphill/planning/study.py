"""A study from its config's file, outside the workflow, before Snakemake reads, and may evaluate, any of it."""

import os
from pathlib import Path

from uphill.config import check
from uphill.errors import UphillError
from uphill.workflow import Plan
from uphill.yaml_files import read_map


def read_study(path: Path) -> Plan:
    """The plan of the config in a file.

    Raises:
        UphillError: it cannot be read, is not YAML, or is a wrong config.
    """
    plan = Plan(check(read_map(path), where=str(path)))
    try:
        plan.check_names()
    except UphillError as error:
        raise UphillError(f"{path}: {error}") from None
    return plan


OF_WORKFLOW = ("profiles/default", "workflow/profiles/default")
"""Profiles that Snakemake reads unasked."""


def check_profiles(profile: str) -> None:
    """Whether the profiles that Snakemake will read are plain YAML, in which it evaluates nothing.

    Args:
        profile: as for Snakemake: a folder.

    Raises:
        UphillError: one is not.
    """
    for folder in (profile, *os.environ.get("SNAKEMAKE_PROFILE", "").split(), *OF_WORKFLOW):
        for path in sorted(Path(folder).glob("config*.yaml")):
            read_map(path)
