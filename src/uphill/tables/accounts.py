"""The job that makes a table of texts, clusters or costs: of no experiment, but of what models wrote and learned."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.errors import damaged
from uphill.running import provenance
from uphill.running.job import Running
from uphill.schemas.clusters import CLUSTERS
from uphill.schemas.files import made_by, read_arrow
from uphill.schemas.generations import GENERATIONS, TEXT_GRADES
from uphill.tables.certainty import certainty_rows
from uphill.tables.costs import cost_rows, of_generation, of_training
from uphill.tables.generations import generation_row
from uphill.tables.predictions import write_table
from uphill.weak_to_strong.graded_texts import graded

TRAINED, WRITING = ("items", "updates", "tokens", "seconds"), ("seconds",)


def write(job: Running) -> None:
    """Make one table, and beside it the record of what it was made from.

    Raises:
        UphillError: what it reads was made by another config or other code, or is damaged.
    """
    write_table(MADE[job.settings["account"]](job), job.output.table)
    files = [path for path in job.input if path.endswith(".parquet")]
    told = [path for kind in ("training", "writing") for path in job.input.get(kind, [])]
    sources = {**{path: made_by(path) for path in files}, **provenance.digests(told)}
    provenance.write(job.output.provenance, job.made_by, [job.output.table], sources)


def _generations(job: Running) -> pd.DataFrame:
    rows = []
    for name, entry in job.settings["generations"].items():
        texts = _texts(job, name, ("item_id", "sample", "n_tokens", "ended"))
        graded_by = _grades(job, name)
        if graded_by is not None:
            texts = graded(texts, graded_by, ("status", "correct"))
        rows.append(generation_row(name, entry, texts, job.settings["coverage"]))
    # Some studies grade none.
    last = ["parse_rate", "accuracy", "low", "high"]
    found = pd.DataFrame(rows)
    return found.reindex(columns=[*(name for name in found if name not in last), *last])


def _certainty(job: Running) -> pd.DataFrame:
    found = []
    for name, entry in job.settings["clusters"].items():
        generation, graded_by = entry["generation"], _grades(job, entry["generation"])
        [path] = [path for path in job.input.clusters if Path(path).stem == name]
        clusters = read_arrow(path, CLUSTERS, job.upstream(path)).to_pandas()
        texts = None
        if graded_by is not None:
            texts = graded(_texts(job, generation, ("item_id", "sample", "text"), set(clusters["text"])), graded_by)
        found.append(certainty_rows(name, entry, clusters, texts, job.settings["coverage"]))
    return pd.concat(found, ignore_index=True)


def _costs(job: Running) -> pd.DataFrame:
    columns = ("item_id", "n_tokens", "n_prompt_tokens")
    rows = []
    for name, own in job.settings["generations"].items():
        seconds = sum(told["seconds"] for told in _told(job, "writing", name, WRITING))
        rows.append(of_generation(name, own, _texts(job, name, columns), seconds))
    for name, own in job.settings["trained"].items():
        [told] = _told(job, "training", name, TRAINED)
        rows.append(of_training(name, own, told))
    return cost_rows(rows)


MADE: Mapping[str, Callable[[Running], pd.DataFrame]] = {
    "generations": _generations,
    "certainty": _certainty,
    "costs": _costs,
}


def _texts(job: Running, name: str, columns: tuple[str, ...], only: set[str] | None = None) -> pd.DataFrame:
    """Some columns of a generation's texts, shard by shard; of some texts alone."""
    paths = [path for path in job.input.texts if Path(path).parent.name == name]
    found = (_some(read_arrow(path, GENERATIONS, job.upstream(path)).select(columns), only) for path in paths)
    return pd.concat(found, ignore_index=True)


def _some(table: Any, only: set[str] | None) -> pd.DataFrame:
    rows: pd.DataFrame = table.to_pandas()
    return rows if only is None else rows[rows["text"].isin(only)]


def _grades(job: Running, name: str) -> pd.DataFrame | None:
    for path in job.input.get("grades", []):
        if Path(path).parent.name == name:
            return read_arrow(path, TEXT_GRADES, job.upstream(path)).to_pandas()
    return None


def _told(job: Running, kind: str, name: str, asked: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What a training, or each shard of a generation, says of itself.

    Raises:
        UphillError: a file does not say it.
    """
    for path in (path for path in job.input[kind] if Path(path).parent.name == name):
        try:
            found = json.loads(Path(path).read_text())
            yield {key: found[key] for key in asked}
        except (ValueError, KeyError, TypeError):
            raise damaged(path, f"says not all of {', '.join(asked)}") from None
