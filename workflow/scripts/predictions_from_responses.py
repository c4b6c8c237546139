"""Predictions of a method that reads the zero-shot pass and loads no model."""

from uphill.job import start
from uphill.methods.job import no_model, run_job

with start(snakemake) as job:
    run_job(job, no_model)
