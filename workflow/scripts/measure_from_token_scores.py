"""One hardness measure of one dataset, from the token scores of its texts by one model."""

from uphill.hardness.data import TextsRead
from uphill.hardness.job import data_of, run_measure
from uphill.running.job import start
from uphill.schemas.token_scores import TOKEN_SCORES

with start(snakemake) as job:
    run_measure(job, TextsRead(**vars(data_of(job)), token_scores=job.read("token_scores", TOKEN_SCORES)))
