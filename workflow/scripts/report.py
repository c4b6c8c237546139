"""The whole study on one self-contained page."""

from uphill.report.page import render
from uphill.running.job import start

with start(snakemake) as job:
    render(job)
