"""Grades of one file of predictions: no model, no GPU."""

from uphill.grading.stage import run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job)
