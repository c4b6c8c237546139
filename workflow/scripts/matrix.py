"""The answers of a panel as a matrix, and what each respondent is worth: no model, no GPU."""

from uphill.hardness.panel import run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job)
