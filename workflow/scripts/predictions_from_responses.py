"""Predictions of a method that reads the zero-shot pass and loads no model."""

from uphill.job import start
from uphill.methods.job import no_model, predict

with start(snakemake) as job:
    predict(job, no_model)
