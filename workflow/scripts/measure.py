"""One hardness measure of one dataset, from its items alone."""

from uphill.hardness.job import data_of, run_measure
from uphill.running.job import start

with start(snakemake) as job:
    run_measure(job, data_of(job))
