"""A hardness job: from files to data, through the measure, to one part of the hardness table."""

from dataclasses import replace

from uphill import registry
from uphill.hardness.answer_matrix import read_panel
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.interface import measure_of
from uphill.running.job import Running
from uphill.schemas.files import write
from uphill.schemas.items import ITEMS
from uphill.schemas.measures import MEASURE
from uphill.schemas.own_scales import own_name


def data_of(job: Running) -> HardnessData:
    """What every measure reads."""
    items = job.read("questions", ITEMS).set_index("item_id")
    return HardnessData(Graded(**job.settings["dataset"]), items, job.settings["seed"])


def panelled(job: Running) -> HardnessData:
    """What a measure of a panel's answers reads."""
    [path] = job.input.matrix
    return replace(data_of(job), matrix=read_panel(path, job.upstream(path)))


def run_measure(job: Running, data: HardnessData) -> None:
    """Measure the items and write the values to the job's output."""
    settings = job.settings
    kind = measure_of(settings["kind"])
    values = kind.measure(settings["measure"], registry.settings_of(kind, settings["settings"]), data)
    if model := settings.get("own"):
        values = values.assign(variable=[own_name(variable, model) for variable in values["variable"]])
    write(values, job.output[0], MEASURE, job.made_by)
