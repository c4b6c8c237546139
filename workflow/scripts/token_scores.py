"""The texts of one dataset's items, each on its own: token scores by one model."""

from uphill.engine.opening import open_model
from uphill.engine.token_scores import score_texts
from uphill.running import cache
from uphill.running.job import start
from uphill.schemas.files import write_arrow
from uphill.schemas.items import ITEMS
from uphill.schemas.token_scores import TOKEN_SCORES

with start(snakemake) as job, job.parts(TOKEN_SCORES) as parts:
    if not job.is_done and not cache.fetch(job):
        items = job.read("questions", ITEMS).set_index("item_id")
        scores = score_texts(open_model(job, job.settings["model"]), items, job.settings["texts"], parts)
        write_arrow(scores, job.output[0], TOKEN_SCORES, job.made_by)
        cache.store(job)
