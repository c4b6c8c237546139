"""Rank correlations between the hardness variables of one dataset."""

from uphill.job import start
from uphill.schemas import ITEMS, read
from uphill.tables.correlations import correlation_rows
from uphill.tables.predictions import read_hardness, write_table

with start(snakemake) as job:
    settings = job.settings
    hardness = read_hardness({settings["dataset"]: job.input.hardness})
    items = read(job.input.questions, ITEMS)
    write_table(
        correlation_rows(hardness, items, settings["draws"], settings["level"], settings["seed"]), job.output[0]
    )
