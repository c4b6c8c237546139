"""All measures of one dataset in one table, each value with its level."""

from uphill.hardness.levels import levelled
from uphill.running.job import start
from uphill.schemas.files import write
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS

with start(snakemake) as job:
    measures = job.expected(job.input.measures)
    levels = levelled(measures, job.read("questions", ITEMS), job.settings["cuts"], job.settings["seed"])
    write(levels, job.output[0], HARDNESS, job.made_by)
