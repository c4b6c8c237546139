"""One table: predictions reduced to accuracies, gains and gaps recovered, with intervals."""

from uphill import tables
from uphill.job import start

with start(snakemake) as job:
    tables.write(job)
