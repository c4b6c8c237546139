"""Every table as a paper prints it, as CSV and as LaTeX."""

from pathlib import Path

from uphill.job import start
from uphill.schemas import read_csv
from uphill.tables.layouts import LAYOUTS
from uphill.tables.wide import wide, write_wide

with start(snakemake) as job:
    folder = Path(job.output[0]).parent
    for name, tidy in job.settings["tables"].items():
        # A ladder of any name is laid out as ladders are.
        layout = LAYOUTS.get(name, LAYOUTS["ladders"])
        shown = wide(read_csv(tidy), layout, job.settings["unsupervised"])
        write_wide(shown, folder / f"{name}.csv", folder / f"{name}.tex")
