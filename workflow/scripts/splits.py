"""Training and test items of one dataset, cut into the levels of one experiment or of one variable."""

from uphill.hardness.levels import levelled
from uphill.running.job import start
from uphill.schemas.files import write
from uphill.schemas.items import ITEMS
from uphill.schemas.splits import SPLITS
from uphill.splits.draw import draw_splits
from uphill.splits.levels import experiment_levels, levels_tested, note_levels
from uphill.splits.settings import SplitSettings

with start(snakemake) as job:
    settings, items = job.settings, job.read("questions", ITEMS)
    hardness = levelled(job.expected(job.input.measures), items, settings["cuts"], settings["sizes"]["seed"])
    cut = items, hardness, settings["levels"], settings["pools"]
    graded, tested, sizes = experiment_levels(*cut), levels_tested(*cut), SplitSettings(**settings["sizes"])
    note_levels(graded, settings["dataset"], settings["variable"])
    drawn = draw_splits(graded, settings["dataset"], settings["variable"], sizes, tested)
    write(drawn, job.output[0], SPLITS, job.made_by)
