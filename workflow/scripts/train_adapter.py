"""A model of the config that is trained here, as an adapter over its base."""

from uphill.methods.model_training import run_job
from uphill.running.job import start

with start(snakemake) as job:
    run_job(job)
