"""All measures of one dataset in one table, each value with its level."""

from uphill.hardness.levels import Cuts, add_levels, mean_over_models
from uphill.job import start
from uphill.schemas import HARDNESS, ITEMS, MEASURE, read, write

with start(snakemake) as job:
    measures = mean_over_models([read(path, MEASURE) for path in job.input.measures])
    items = read(job.input.questions, ITEMS).set_index("item_id")
    cuts = {variable: Cuts(**cut) for variable, cut in job.settings["cuts"].items()}
    write(add_levels(measures, items, cuts), job.output[0], HARDNESS, job.made_by)
