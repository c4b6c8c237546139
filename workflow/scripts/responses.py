"""The zero-shot pass of one model over one dataset: choice scores and hidden states."""

from uphill.engine.loading import load
from uphill.engine.responding import respond
from uphill.job import start
from uphill.prompts import PromptFormat
from uphill.schemas import ITEMS, RESPONSES, read, write_arrow

with start(snakemake) as job, job.parts(RESPONSES) as parts:
    settings = job.settings
    items = read(job.input.questions, ITEMS)
    loaded = load(settings["model"], job.resources.pack_tokens, job.resources.gpu)
    asked = PromptFormat(settings["prompt"])
    tables = respond(loaded, items, asked, settings["layers"], settings["shards"], parts)
    for path, table in zip(job.output, tables, strict=True):
        write_arrow(table, path, RESPONSES, job.made_by)
