"""A prediction job: from files to a task, through the method, to one file of predictions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uphill import registry
from uphill.job import Job
from uphill.methods.task import Source, Task, run
from uphill.schemas import ITEMS, PREDICTIONS, SPLITS, read, write_arrow

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded


def run_job(job: Job, open_model: "Callable[[], Loaded]") -> None:
    """Make every cell of the job's method and write them to its output."""
    settings = job.settings
    method = registry.load("uphill.methods", settings["kind"], "predict")
    recipe = registry.settings_of(method, settings["settings"])
    sources = {name: _source(job, number, name) for number, name in enumerate(settings["datasets"])}
    target = next(iter(sources.values()))
    cot = bool(getattr(recipe, "cot", False))
    columns: dict[str, Any] = {
        "method": settings["method"],
        "model": settings["model"]["name"],
        "k": int(getattr(recipe, "k", 0)),
        "cot": cot,
        "prompt": target.prompt_format(cot).template,
    }
    task = Task(
        target=target,
        sources=[sources[name] for name in settings["sources"]],
        variable=settings["variable"],
        seed=settings["seed"],
        open_model=open_model,
        columns=columns,
    )
    with job.parts(PREDICTIONS) as parts:
        write_arrow(run(task, method, recipe, parts), job.output[0], PREDICTIONS, job.made_by)


def no_model() -> "Loaded":
    """For methods that say they load none."""
    raise AssertionError("this method declares RUNS_MODEL = False")


def _source(job: Job, number: int, name: str) -> Source:
    """Dataset `number` of the job: its inputs come in the same order as its settings."""
    shards = list(job.input.get("responses", []))
    each = len(shards) // len(job.settings["datasets"])
    asked = job.settings["datasets"][name]
    return Source(
        name=name,
        items=read(job.input.questions[number], ITEMS).set_index("item_id"),
        splits=read(job.input.splits[number], SPLITS),
        prompt=asked["prompt"],
        cot_prompt=asked["cot_prompt"],
        max_new_tokens=asked["max_new_tokens"],
        shards=shards[number * each : (number + 1) * each],
    )
