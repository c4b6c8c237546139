"""Predictions of a method that reads the zero-shot pass and loads no model."""

from uphill.methods.job import no_model, run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job, no_model)
