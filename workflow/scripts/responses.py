"""The zero-shot pass of one model over one dataset: choice scores and hidden states."""

from uphill.engine.asking import ask
from uphill.engine.opening import open_model
from uphill.engine.responding import respond
from uphill.running import cache
from uphill.running.job import start
from uphill.schemas.files import write_arrow
from uphill.schemas.items import ITEMS
from uphill.schemas.responses import RESPONSES

with start(snakemake) as job, job.parts(RESPONSES) as parts:
    if not job.is_done and not cache.fetch(job):
        settings = job.settings
        prompts = ask(job.read("questions", ITEMS).set_index("item_id"), **settings["asked"])
        loaded = open_model(job, settings["model"])
        shards = respond(loaded, prompts, settings["layers"], settings["shards"], parts, settings["states"])
        for path, table in zip(job.output, shards, strict=True):
            write_arrow(table, path, RESPONSES, job.made_by)
        cache.store(job)
