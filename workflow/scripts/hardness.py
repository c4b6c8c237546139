"""All measures of one dataset in one table, each value with its level."""

import pandas as pd

from uphill.hardness.levels import add_levels
from uphill.job import start
from uphill.schemas import HARDNESS, ITEMS, MEASURE, read, write

with start(snakemake) as job:
    measures = pd.concat([read(path, MEASURE) for path in job.input.measures], ignore_index=True)
    items = read(job.input.questions, ITEMS).set_index("item_id")
    cuts = {variable: tuple(cut) for variable, cut in job.settings["cuts"].items()}
    write(add_levels(measures, items, cuts), job.output[0], HARDNESS, job.made_by)
