"""Texts that a model writes for the items of one shard of a generation."""

import functools

from uphill.engine.opening import open_model
from uphill.running.job import start
from uphill.weak_to_strong.generating import run_job

with start(snakemake) as job:
    run_job(job, functools.cache(lambda: open_model(job, job.settings["model"])))
