"""The cost of a study: its jobs, and the tokens and hours of those that load a model."""

from dataclasses import dataclass

from uphill.config.hardware import Hardware
from uphill.planning.cells import cells_of
from uphill.planning.lengths import NotHereError, Sizes, lengths
from uphill.planning.power import Sight, sights
from uphill.planning.rates import hours
from uphill.planning.texts import embedding_work, generation_work
from uphill.planning.work import Work, cell_work, measure_work, responses_work, texts_work, training_work
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study


@dataclass(frozen=True)
class Load:
    """One job that loads a model.

    Attributes:
        hours: of the job; None on a CPU, whose speed is not known, and of a model whose size is not.
        gpus: that it holds all that time; less than 1 is a share of one.
    """

    job: Job
    model: str
    work: Work
    hours: float | None
    gpus: float

    @property
    def stage(self) -> str:
        """What a reader calls it: the method or measure, or the rule."""
        names = self.job.wildcards
        return names.get("method") or names.get("measure") or self.job.rule

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
        absent: datasets whose size is not known here: what reads them is not counted.
        unsized: models on GPUs of which the hardware file does not say how large they are.
        sights: what the study would be able to tell apart.
        margin: within which easy data is to be as good as hard data.
    """

    jobs: list[Job]
    loads: list[Load]
    unknown: list[str]
    absent: list[str]
    unsized: list[str]
    sights: list[Sight]
    margin: float


def estimate(study: Study, hardware: Hardware) -> Cost:
    """The cost of the whole study, whatever of it is already there.

    Args:
        study: the study.
        hardware: sizes of models, GPUs of jobs, and speeds.

    Raises:
        UphillError: a dataset's file is bad.
    """
    sizes, absent = _sizes(study)
    loads: list[Load] = []
    unknown: set[str] = set()
    for job in study.jobs:
        if job.model is None:
            continue
        try:
            work, here = _work(study, job, sizes), True
        except NotHereError:
            work, here = None, False
        gpus = hardware.of_model(job.model).gpu
        taken = hours(work or Work(), job.model, study.config.model(job.model), hardware) if gpus else None
        loads.append(Load(job, job.model, work or Work(), taken, gpus))
        if here and work is None:
            unknown.add(loads[-1].stage)
    unsized = sorted({load.model for load in loads if load.gpus and load.hours is None})
    seen, margin = sights(study, sizes), study.config.statistics.margin
    return Cost(study.jobs, loads, sorted(unknown), absent, unsized, seen, margin)


def _sizes(study: Study) -> tuple[Sizes, list[str]]:
    """Lengths of datasets, and those of which nothing is known here."""
    sizes, absent = Sizes(), []
    for dataset in (job.wildcards["dataset"] for job in study.of("items")):
        try:
            sizes[dataset] = lengths(study, dataset)
        except NotHereError:
            absent.append(dataset)
    return sizes, absent


def _work(study: Study, job: Job, sizes: Sizes) -> Work | None:
    """Tokens of a job; None if some of them cannot be counted."""
    if job.stage == "generate":
        return generation_work(study, job, sizes)
    if job.stage == "cluster":
        return embedding_work(study, job, sizes)
    names = job.wildcards
    if job.stage == "train":
        return training_work(study.config, names["model"], sizes)
    dataset = names["dataset"]
    if job.stage == "responses":
        return responses_work(study.config, dataset, sizes[dataset])
    if job.stage == "token":
        return texts_work(job.settings["texts"], sizes[dataset])
    if job.stage == "measure":
        return measure_work(study.config, names["measure"], dataset, sizes[dataset])
    each = [cell_work(study.config, some, sizes) for some in cells_of(study, **names)]
    known = [work for work in each if work is not None]
    return sum(known, Work()) if len(known) == len(each) else None
