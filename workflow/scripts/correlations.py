"""Rank correlations between the hardness variables of one dataset."""

from uphill.running import provenance
from uphill.running.job import start
from uphill.schemas.files import made_by
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.tables.correlations import correlation_rows
from uphill.tables.predictions import write_table

with start(snakemake) as job:
    settings = job.settings
    items = job.read("questions", ITEMS)
    hardness = job.read("hardness", HARDNESS).assign(dataset=settings["dataset"])
    rows = correlation_rows(hardness, items, settings["draws"], settings["coverage"], settings["seed"])
    write_table(rows, job.output.table)
    sources = {path: made_by(path) for path in job.input}
    provenance.write(job.output.provenance, job.made_by, [job.output.table], sources)
