"""One hardness measure of one dataset, from a panel's answers."""

from uphill.hardness.job import panelled, run_measure
from uphill.running.job import start

with start(snakemake) as job:
    run_measure(job, panelled(job))
