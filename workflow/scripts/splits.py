"""Training and test items of one dataset, cut by one variable or into bands."""

from uphill.hardness.levels import levelled
from uphill.job import start
from uphill.schemas import ITEMS, SPLITS, write
from uphill.splits import SplitSettings, draw_splits, experiment_levels, levels_tested

with start(snakemake) as job:
    settings, items = job.settings, job.read("questions", ITEMS)
    hardness = levelled(job.expected(job.input.measures), items, settings["cuts"])
    cut = items, hardness, settings["variable"], settings["bands"]
    graded, tested, sizes = experiment_levels(*cut), levels_tested(*cut), SplitSettings(**settings["draw"])
    drawn = draw_splits(graded, settings["dataset"], settings["variable"], sizes, tested)
    write(drawn, job.output[0], SPLITS, job.made_by)
