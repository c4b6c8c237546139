"""One hardness measure of one dataset, from one model's zero-shot responses."""

from uphill.engine.passes import ResponseTable
from uphill.hardness.data import Responded
from uphill.hardness.interface import measure_of
from uphill.hardness.job import data_of, run_measure
from uphill.registry import reads_states
from uphill.running import cache
from uphill.running.job import start

with start(snakemake) as job:
    if not cache.fetch(job):
        states = reads_states(measure_of(job.settings["kind"]))
        responses = ResponseTable.read(job.input.responses, job.upstream(job.input.responses[0]), states)
        run_measure(job, Responded(**vars(data_of(job)), responses=responses))
        cache.store(job)
