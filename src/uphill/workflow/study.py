"""A study: every job that its config asks for. What a rule is given is looked up here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from uphill.config import reading
from uphill.config.generated import dataset_of, labelled_items
from uphill.config.placing import used_labels
from uphill.config.study import Config
from uphill.errors import UphillError
from uphill.experiments.arms import Arm
from uphill.running.places import root_of
from uphill.workflow.jobs import Job, Spec, once
from uphill.workflow.paths import enter

STAGES = (
    "items",
    "models",
    "responses",
    "token_scores",
    "measures",
    "hardness",
    "splits",
    "generations",
    "clusters",
    "labels",
    "predictions",
    "grades",
    "panels",
    "accounts",
    "tables",
    "figures",
    "report",
)
"""Modules of uphill/workflow/stages, each after those that it reads from; but measures may read panels."""


@dataclass(frozen=True, eq=False)
class Study:
    """The jobs of a config. Whoever makes one is at it, as `uphill.workflow.paths` has it.

    Attributes:
        config: the config.
        memory: what was asked before, by function and arguments.
    """

    config: Config
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        enter(self.config.study)

    @property
    def root(self) -> str:
        """The folder of all its files."""
        return root_of(self.config.study)

    @once
    def arms(self, experiment: str | None = None) -> list[Arm]:
        """Arms of an experiment, or of all."""
        return [arm for arm in self.arms() if arm.experiment == experiment] if experiment else self.config.arms()

    @once
    def shown(self) -> dict[str, list[Arm]]:
        """By experiment, the arms that its tables are made of: its own, or those of others that it reads."""
        found: dict[str, list[Arm]] = {}
        for arm in self.arms():
            found.setdefault(arm.experiment, []).append(arm)
        return {**found, **reading.read(self.config)}

    @cached_property
    def datasets(self) -> list[str]:
        """Datasets that some experiment involves, in the config's order."""
        used = {name for arm in self.arms() for name in arm.involved}
        return [name for name in self.config.datasets if name in used]

    @cached_property
    def read_datasets(self) -> list[str]:
        """Those, and such as texts are generated of, or a model is trained on, and no experiment involves."""
        too = [dataset_of(self.config, name) for name in self.config.generations]
        too += [labelled_items(self.config, name).dataset for name in used_labels(self.config)]
        return list(dict.fromkeys([*self.datasets, *too]))

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job, after those that it reads from."""
        enter(self.config.study)  # where another was made since
        stages = (import_module(f"uphill.workflow.stages.{name}") for name in STAGES)  # which import this module
        return _each_after([job for stage in stages for job in stage.jobs(self)])

    @cached_property
    def models(self) -> list[str]:
        """Models that some job loads."""
        return list(dict.fromkeys(job.model for job in self.jobs if job.model))

    @cached_property
    def files(self) -> list[str]:
        """Every file, stage by stage."""
        return [path for job in self.jobs for path in job.files]

    def of(self, rule: str) -> list[Job]:
        """Every job of a rule."""
        return [job for job in self.jobs if job.rule == rule]

    def values(self, wildcard: str, *rules: str) -> set[str]:
        """What a wildcard may be, in some rules or in any."""
        found = (job for job in self.jobs if not rules or job.rule in rules)
        return {job.wildcards[wildcard] for job in found if wildcard in job.wildcards}

    @cached_property
    def _by_name(self) -> dict[tuple[str, frozenset[tuple[str, str]]], Job]:
        return {(job.rule, frozenset(job.wildcards.items())): job for job in self.jobs}

    def job(self, rule: str, wildcards: Mapping[str, str]) -> Job:
        """The job of a rule with some wildcards; without `taught`, the one that is taught by right answers.

        Raises:
            UphillError: the config asks for none.
        """
        asked = (wildcards, {**wildcards, "taught": ""})
        found = (self._by_name.get((rule, frozenset(names.items()))) for names in asked)
        job = next((job for job in found if job is not None), None)
        if job is None:
            told = ", ".join(f"{name} {value}" for name, value in wildcards.items())
            raise UphillError(f"{rule} of {told}: nothing in the config asks for it")
        return job

    def inputs(self, rule: str, wildcards: Mapping[str, str]) -> dict[str, list[str]]:
        """The files that a job reads, by name of the rule's input."""
        return self.job(rule, wildcards).inputs

    def spec(self, rule: str, wildcards: Mapping[str, str]) -> Spec:
        """The identity of what a job makes."""
        return self.job(rule, wildcards).spec

    def check(self) -> None:
        """Look at everything outside the workflow that it reads.

        Raises:
            UphillError: a file of items or of a measure, or a model's folder, is missing.
        """
        for job in self.jobs:
            _ = job.id


def _each_after(jobs: Sequence[Job]) -> list[Job]:
    """Jobs in their order, but each after those that it reads from: a measure may read a panel of a later stage."""
    makers = {path: job for job in jobs for path in job.files}
    listed: dict[int, Job] = {}

    def add(job: Job) -> None:
        if id(job) in listed:
            return
        # What is read is a file, or a part of one, which is no job of the list.
        for path in dict.fromkeys(path for read in job.upstream for path in read.files):
            add(makers[path])
        listed[id(job)] = job

    for job in jobs:
        add(job)
    return list(listed.values())
