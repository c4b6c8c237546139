"""Grades of one generation: no model, no GPU."""

from uphill.grading.texts import run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job)
