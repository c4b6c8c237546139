"""One hardness measure of one dataset, on one model."""

import functools

from uphill import cache
from uphill.engine.loading import load
from uphill.hardness.data import OnModel
from uphill.hardness.job import data_of, run_measure
from uphill.job import start
from uphill.schemas import MEASURE

with start(snakemake) as job, job.parts(MEASURE) as parts:
    if not job.is_done and not cache.fetch(job):
        settings = job.settings
        open_model = functools.cache(lambda: load(settings["model"], job.resources.pack_tokens, job.resources.gpu))
        run_measure(job, OnModel(**vars(data_of(job)), **settings["asked"], open_model=open_model, parts=parts))
        cache.store(job)
