"""Predictions of a method that runs the language model: every cell of every variable on one load of it."""

import functools

from uphill.engine.loading import load
from uphill.job import start
from uphill.methods.job import run_job

with start(snakemake) as job:
    model = next(iter(job.settings["shares"].values()))["settings"]["model"]
    run_job(job, functools.cache(lambda: load(model, job.resources.pack_tokens, job.resources.gpu)))
