"""What Snakemake gives a job's script, made up from the list of jobs, to run a script in a debugger."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from uphill.config import hardware
from uphill.config.trained import bases
from uphill.planning.study import read_study
from uphill.running.places import shipped
from uphill.workflow.jobs import Job
from uphill.workflow.paths import log_path
from uphill.workflow.study import Study

RESOURCES = ("gpu", "gpu_percent", "gpu_model", "mem_mb", "runtime", "pack_tokens", "batch")


class Resources(dict[str, Any]):
    """What a job asks for, by name and as attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Files(list[str]):
    """Files, all of them in order, and by name: where an output's name has one file, that file."""

    def __init__(self, named: Mapping[str, Sequence[str]], alone: bool) -> None:
        super().__init__(path for paths in named.values() for path in paths)
        self.__dict__.update(
            {name: paths[0] if alone and len(paths) == 1 else list(paths) for name, paths in named.items()}
        )

    def get(self, name: str, other: Any = None) -> Any:
        """The files of a name."""
        return self.__dict__.get(name, other)


def mock(rule: str, wildcards: Mapping[str, str], config: str) -> SimpleNamespace:
    """See `uphill.running.job.mock`."""
    study = read_study(Path(config))
    job = study.job(rule, wildcards)
    Path(log_path(job.record)).parent.mkdir(parents=True, exist_ok=True)
    return given(study, job)


def given(study: Study, job: Job) -> SimpleNamespace:
    """What Snakemake would give a job's script."""
    needs = hardware.read(shipped("config/hardware.yaml")).following(bases(study.config))
    return SimpleNamespace(
        rule=job.rule,
        input=Files(job.inputs, alone=False),
        output=Files(job.outputs, alone=True),
        wildcards=SimpleNamespace(**job.wildcards),
        params=SimpleNamespace(spec=job.spec, get=lambda name, other=None: {"spec": job.spec}.get(name, other)),
        resources=Resources({name: needs.asked(job.model, name, attempt=1) for name in RESOURCES}),
        threads=needs.of(job.model).threads,
        log=[log_path(job.record)],
    )
