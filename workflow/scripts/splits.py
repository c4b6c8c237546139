"""Training and test items of one dataset, cut by one variable."""

from uphill.job import start
from uphill.schemas import HARDNESS, ITEMS, SPLITS, read, write
from uphill.splits import SplitSettings, draw_splits, experiment_levels

with start(snakemake) as job:
    settings = dict(job.settings)
    dataset, variable = settings.pop("dataset"), settings.pop("variable")
    levels = experiment_levels(read(job.input.questions, ITEMS), read(job.input.hardness, HARDNESS), variable)
    write(draw_splits(levels, dataset, variable, SplitSettings(**settings)), job.output[0], SPLITS, job.made_by)
