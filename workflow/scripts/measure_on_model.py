"""One hardness measure of one dataset, on one model."""

import functools

from uphill.engine.opening import open_model
from uphill.hardness.data import OnModel
from uphill.hardness.job import data_of, run_measure
from uphill.running import cache
from uphill.running.job import start
from uphill.schemas.measures import MEASURE

with start(snakemake) as job, job.parts(MEASURE) as parts:
    if not job.is_done and not cache.fetch(job):
        settings = job.settings
        opened = functools.cache(lambda: open_model(job, settings["model"]))
        run_measure(job, OnModel(**vars(data_of(job)), **settings["asked"], open_model=opened, parts=parts))
        cache.store(job)
