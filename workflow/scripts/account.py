"""One table of texts, clusters or costs."""

from uphill.running.job import start
from uphill.tables.accounts import write

with start(snakemake) as job:
    write(job)
