"""Raw rows of one dataset to its item table."""

from uphill.datasets import make_items
from uphill.job import start
from uphill.schemas import ITEMS, write

with start(snakemake) as job:
    write(make_items(job.settings), job.output[0], ITEMS, job.made_by)
