"""Raw rows of one dataset to its item table."""

from uphill.datasets.items import make_items
from uphill.running.job import start
from uphill.schemas.files import write
from uphill.schemas.items import ITEMS

with start(snakemake) as job:
    write(make_items(job.settings), job.output[0], ITEMS, job.made_by)
