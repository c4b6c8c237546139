"""One figure, as PDF and PNG, from its table."""

import pandas as pd

from uphill import registry
from uphill.figures.style import save, styled
from uphill.job import start

with start(snakemake) as job, styled():
    # "none" is a train level here, not a missing value.
    table = pd.read_csv(job.input[0], keep_default_na=False, na_values=[""])
    figure = registry.load("uphill.figures", job.settings["figure"], "draw").draw(table)
    for path in job.output:
        save(figure, path)
