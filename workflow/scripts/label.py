"""Labels of one dataset's items, from what a teacher said of them."""

from uphill.running.job import start
from uphill.weak_to_strong.labelling import run_job

with start(snakemake) as job:
    run_job(job)
