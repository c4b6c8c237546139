"""The cost of a study: its jobs, and the tokens and hours of those that load a model."""

from dataclasses import dataclass

from uphill.hardware import Hardware
from uphill.planning.cells import cells_of
from uphill.planning.jobs import MEASURE, RESPONSES, Job, jobs
from uphill.planning.lengths import Lengths, lengths
from uphill.planning.rates import hours
from uphill.planning.work import Work, cell_work, measure_work, responses_work
from uphill.workflow import Plan


@dataclass(frozen=True)
class Load:
    """One job that loads a model.

    Attributes:
        hours: of the job; None on a CPU, whose speed is not known.
        gpus: that it holds all that time.
    """

    job: Job
    work: Work
    hours: float | None
    gpus: int

    @property
    def gpu_hours(self) -> float:
        """Hours times GPUs."""
        return (self.hours or 0) * self.gpus


@dataclass(frozen=True)
class Cost:
    """What a study would cost.

    Attributes:
        jobs: all of them.
        loads: those that load a model.
        unknown: methods and measures whose tokens this cannot count.
    """

    jobs: list[Job]
    loads: list[Load]
    unknown: list[str]


def estimate(plan: Plan, hardware: Hardware) -> Cost:
    """The cost of the whole study, whatever of it is already there.

    Args:
        plan: the study.
        hardware: sizes of models, GPUs of jobs, and speeds.

    Raises:
        UphillError: the size of a dataset or of a model is not known.
    """
    sizes = {dataset: lengths(plan, dataset) for dataset in plan.tested()}
    found = jobs(plan)
    loads, unknown = [], []
    for job in found:
        if not job.loads_model:
            continue
        work = _work(plan, job, sizes)
        if work is None:
            unknown.append(job.name)
            work = Work()
        gpus = hardware.of_model(job.model).gpu
        taken = hours(work, job.model, plan.config.models[job.model], hardware) if gpus else None
        loads.append(Load(job, work, taken, gpus))
    return Cost(found, loads, sorted(set(unknown)))


def _work(plan: Plan, job: Job, sizes: dict[str, Lengths]) -> Work | None:
    """Tokens of a job; None if some of them cannot be counted."""
    if job.rule == RESPONSES:
        return responses_work(plan.config, job.dataset, sizes[job.dataset])
    if job.rule == MEASURE:
        return measure_work(plan.config, job.name, job.dataset, sizes[job.dataset])
    total = Work()
    for some in cells_of(plan, job.name, job.model, job.dataset):
        work = cell_work(plan.config, some, sizes)
        if work is None:
            return None
        total += work
    return total
