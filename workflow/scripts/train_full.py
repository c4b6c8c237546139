"""A model of the config that is trained here, as a folder of whole weights."""

from uphill.methods.model_training import run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job)
