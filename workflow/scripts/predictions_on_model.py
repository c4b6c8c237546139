"""Predictions of a method that runs the language model: every cell on one load of it."""

import functools

from uphill.engine.loading import load
from uphill.job import start
from uphill.methods.job import run_job

with start(snakemake) as job:
    run_job(job, functools.cache(lambda: load(job.settings["model"], job.resources.pack_tokens, job.resources.gpu)))
