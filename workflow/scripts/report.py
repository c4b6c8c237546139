"""The whole study on one self-contained page."""

from uphill.job import start
from uphill.report import render

with start(snakemake) as job:
    render(job)
