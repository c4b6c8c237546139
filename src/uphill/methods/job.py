"""A prediction job: from files to a task for each slice, through the method, to one file of predictions."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from uphill import registry
from uphill.methods.context import Context, Source, run
from uphill.methods.interface import method_of
from uphill.methods.mixing import mixed
from uphill.running.job import Running
from uphill.running.noting import note
from uphill.running.slices import Slice, Slices
from uphill.schemas.files import read, write_arrow
from uphill.schemas.items import ITEMS
from uphill.schemas.labels import LABELS
from uphill.schemas.names import GOLD
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded


def run_job(job: Running, open_model: "Callable[[], Loaded]") -> None:
    """Bring the job's output up to date: make what is missing of each slice, keep the rest as it is."""
    before = Slices.before(job.output[0], PREDICTIONS)
    tables, made_with = [], {}
    versions = cache(lambda: job.versions(job.input))
    with ExitStack() as unfinished:
        for name, slice in job.settings["slices"].items():
            table = before.rows(name, slice["id"])
            if table is None:
                parts = unfinished.enter_context(job.parts(PREDICTIONS, slice["id"]))
                made_by = method_of(slice["settings"]["kind"])
                recipe = registry.settings_of(made_by, slice["settings"]["settings"])
                table = run(context_of(job, slice, recipe, open_model), made_by, recipe, parts)
                made_with[name] = versions()
            else:
                made_with[name] = before.versions[name]
                note(*before.notes)
            tables.append(table)
        write_arrow(
            pa.concat_tables(tables), job.output[0], PREDICTIONS, {**job.spec, "versions": made_with, **job.notes}
        )


def no_model() -> "Loaded":
    """For methods that say they load none."""
    raise AssertionError("this method declares RUNS_MODEL = False")


def context_of(job: Running, slice: Slice, recipe: object, open_model: "Callable[[], Loaded]") -> Context:
    """The task of one slice of a job's predictions, from the files that the job reads."""
    settings = slice["settings"]
    sources = {name: _source(job, slice, name) for name in settings["datasets"]}
    target = sources[settings["dataset"]]
    cot = bool(getattr(recipe, "cot", False))
    columns: dict[str, Any] = {
        "method": settings["method"],
        "experiment": settings["experiment"],
        "model": settings["model"]["name"],
        "k": getattr(recipe, "k", None),
        "cot": cot,
        "prompt": "+".join(getattr(recipe, "prompts", ())) or target.prompt_format(cot).template,
    }
    return Context(
        target=target,
        sources=[mixed(name, sources, settings["variable"], settings["seed"]) for name in settings["sources"]],
        variable=settings["variable"],
        seed=settings["seed"],
        open_model=open_model,
        columns=columns,
        sizes=settings["sizes"],
        noise=settings["noise"],
        noise_factors=settings["noise_factors"],
        max_prompt_tokens=settings["model"].get("max_prompt_tokens"),
        scratch=job.scratch_of(slice["id"]),
    )


def _source(job: Running, slice: Slice, name: str) -> Source:
    asked, split = slice["settings"]["datasets"][name], slice["settings"]["split"]
    shards = [path for path in job.input.get("responses", []) if f"/{name}/shard-" in path]
    label_name = slice["settings"].get("labels", GOLD)
    questions, splits = (_named(job, *end) for end in (("questions", name), ("splits", f"{name}/{split}")))
    return Source(
        name=name,
        items=_items(questions, job.upstream(questions)),
        splits=read(splits, SPLITS, job.upstream(splits)),
        prompt=asked["prompt"],
        cot_prompt=asked["cot_prompt"],
        max_new_tokens=asked["max_new_tokens"],
        shards=shards,
        forms=asked["forms"],
        passed=job.upstream(shards[0]) if shards else None,
        states=registry.reads_states(method_of(slice["settings"]["kind"])),
        labels=None if label_name == GOLD else _labels(job, label_name),
        label_name=label_name,
    )


def _labels(job: Running, name: str) -> pd.DataFrame:
    path = _named(job, "labels", name)
    return read(path, LABELS, job.upstream(path)).set_index("item_id")


@cache
def _items(path: str, identity: str) -> pd.DataFrame:
    """Read once for all slices."""
    return read(path, ITEMS, identity).set_index("item_id")


def _named(job: Running, kind: str, name: str) -> str:
    """The file of an input that is called after a dataset, or after a dataset and its split."""
    return next(path for path in job.input.get(kind) if path.endswith(f"/{name}.parquet"))
