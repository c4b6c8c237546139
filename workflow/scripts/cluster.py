"""Which texts of a generation say the same, item by item."""

from uphill.running.job import start
from uphill.weak_to_strong.clustering import run_job

with start(snakemake) as job:
    run_job(job)
