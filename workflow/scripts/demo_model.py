"""Train a demo model from scratch."""

from pathlib import Path

from uphill.demo_model.making import make
from uphill.demo_model.sizes import FAMILY
from uphill.running.job import start

with start(snakemake) as job:
    make(Path(job.output[0]).parent, FAMILY[job.wildcards.size], workers=job.threads)
