"""A study from its config's file, outside the workflow, before Snakemake reads, and may evaluate, any of it."""

import os
from pathlib import Path

from uphill.config import laying
from uphill.config.checked import check
from uphill.config.yaml_files import read_map
from uphill.errors import UphillError
from uphill.workflow.claims import check_claims
from uphill.workflow.study import Study


def read_study(path: Path) -> Study:
    """The study of the config in a file, and in those that it extends.

    Raises:
        UphillError: one cannot be read or is not YAML, or they are a wrong config.
    """
    laid = laying.read(path)
    study = Study(check(laid.raw, laid.where))
    try:
        check_claims(study)
    except UphillError as error:
        raise UphillError(f"{path}: {error}") from None
    return study


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
