"""All measures of one dataset in one table, each value with its level."""

from uphill.hardness.levels import levelled
from uphill.job import start
from uphill.schemas import HARDNESS, ITEMS, read, write

with start(snakemake) as job:
    items = read(job.input.questions, ITEMS, job.upstream("items"))
    measures = {path: job.upstream(path) for path in job.input.measures}
    write(levelled(measures, items, job.settings["cuts"]), job.output[0], HARDNESS, job.made_by)
