"""One table: predictions reduced to accuracies, gains and gaps recovered, with intervals."""

from uphill.running.job import start
from uphill.tables.making import write

with start(snakemake) as job:
    write(job)
