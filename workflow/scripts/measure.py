"""One hardness measure of one dataset."""

from uphill import registry
from uphill.hardness.data import Graded, HardnessData
from uphill.job import start
from uphill.responses import ResponseTable
from uphill.schemas import ITEMS, MEASURE, read, write

with start(snakemake) as job:
    settings = job.settings
    measure = registry.load("uphill.hardness", settings["kind"], "measure")
    shards = list(job.input.get("responses", []))
    each = len(shards) // max(1, len(job.settings["models"]))
    responses = {
        model: ResponseTable.read(shards[number * each : (number + 1) * each])
        for number, model in enumerate(settings["models"])
    }
    items = read(job.input.questions, ITEMS).set_index("item_id")
    data = HardnessData(Graded(**settings["dataset"]), items, settings["seed"], responses)
    values = measure.measure(settings["measure"], registry.settings_of(measure, settings["settings"]), data)
    write(values, job.output[0], MEASURE, job.made_by)
