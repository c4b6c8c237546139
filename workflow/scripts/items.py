"""Raw rows of one dataset to its item table."""

from uphill import registry
from uphill.datasets import build_items
from uphill.job import start
from uphill.schemas import ITEMS, write

with start(snakemake) as job:
    settings = job.settings
    source = registry.load("uphill.datasets", settings["kind"], "load")
    rows = source.load(registry.settings_of(source, settings["source"]))
    where = next(
        (str(settings["source"][key]) for key in ("path", "folder", "hub_id") if settings["source"].get(key)), None
    )
    items = build_items(rows, settings["dataset"], settings["hardness_pool"], settings["seed"], where)
    write(items, job.output[0], ITEMS, job.made_by)
