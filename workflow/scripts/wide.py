"""Every table as a paper prints it, as CSV and as LaTeX."""

from uphill.running.job import start
from uphill.tables.printing import write_all

with start(snakemake) as job:
    write_all(job)
