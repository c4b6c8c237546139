"""Predictions of a method that runs the language model: every cell of every variable on one load of it."""

import functools

from uphill.engine.opening import open_model
from uphill.methods.job import run_job
from uphill.running.job import start

with start(snakemake) as job:
    model = next(iter(job.settings["slices"].values()))["settings"]["model"]
    run_job(job, functools.cache(lambda: open_model(job, model)))
