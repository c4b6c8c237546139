"""Gather tables, figures, config and versions, and fill the page."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from uphill.job import Job
from uphill.level_names import from_easiest, hardest, in_order
from uphill.report.captions import COLUMNS, FIGURES, TABLES, TITLES
from uphill.schemas import HARDNESS, ITEMS, UNSUPERVISED, made_by, read, written_whole

ORDER = ("population", "sgr", "accuracy_by_hardness", "all_to_all")
WHY = {
    "undefined": "Accuracy after training on hard data cannot be told from accuracy without supervision.",
    "negative gap": "Training on hard data is worse than no supervision, so there is no gap to recover.",
}
SMALL_TEST = 50
"""Fewer test items than this make an interval too wide to lean on; the page says so."""


def render(job: Job) -> None:
    """Write the page from the job's inputs: item tables, hardness tables, tables and figures."""
    tables = {Path(path).stem: _read(path) for path in job.input.tables}
    environment = Environment(
        loader=PackageLoader("uphill.report", "."), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    page = environment.get_template("report.html.j2").render(
        config=yaml.safe_dump(job.settings["config"], sort_keys=False, width=110),
        answer=_answer(tables["population"]),
        datasets=[_counts(path) for path in job.input.questions],
        levels=[row for path in job.input.hardness for row in _levels(path)],
        tables=[_table(name, tables[name]) for name in _ordered(tables)],
        figures=[_figure(path) for path in job.input.figures],
        warnings=list(_warnings(tables)),
        versions=job.made_by["versions"],
        identity=job.spec["id"],
    )
    with written_whole(job.output[0]) as temporary:
        temporary.write_text(page)


def _read(path: str) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def _ordered(tables: dict[str, pd.DataFrame]) -> list[str]:
    return [*(name for name in ORDER if name in tables), *sorted(set(tables) - set(ORDER))]


def _answer(population: pd.DataFrame) -> list[dict[str, Any]]:
    """The question in numbers: hard test items, without supervision and after training on easy data."""
    hard = hardest(population)
    easy = from_easiest(hard[hard["train_dataset"] == hard["dataset"]])
    keys = ["model", "dataset", "variable"]
    unsupervised = hard[hard["train_on"] == UNSUPERVISED].set_index(keys)["accuracy"].rename("unsupervised")
    rows = easy.join(unsupervised, on=keys)
    found: list[dict[str, Any]] = rows.to_dict("records")
    return found


def _counts(path: str) -> dict[str, Any]:
    items, made = read(path, ITEMS), made_by(path)
    source = {"kind": made["settings"]["kind"], **made["settings"]["source"]}
    return {
        "name": Path(path).stem,
        "items": len(items),
        "pools": dict(items["pool"].value_counts()),
        "kind": "multiple choice" if items["choices"].map(len).max() else "written answers",
        "example": items.iloc[0].to_dict(),
        "source": ", ".join(f"{key} {value}" for key, value in source.items() if value is not None),
        "id": made["id"],
    }


def _levels(path: str) -> Iterator[dict[str, Any]]:
    hardness = read(path, HARDNESS)
    for (kind, variable), rows in hardness.groupby(["kind", "variable"], sort=True):
        counts = rows["level"].value_counts()
        yield {
            "dataset": Path(path).stem,
            "variable": variable,
            "kind": kind,
            "counts": ", ".join(f"{counts[level]} {level}" for level in in_order(counts.index)),
            "smallest": rows["value"].min(),
            "median": rows["value"].median(),
            "largest": rows["value"].max(),
        }


def _table(name: str, table: pd.DataFrame) -> dict[str, Any]:
    """A table for readers: an interval in one cell, percent with one decimal, no paths."""
    shown = pd.DataFrame()
    for column in table.columns:
        if column in COLUMNS.intervals:
            low, high = COLUMNS.intervals[column]
            as_text = COLUMNS.percent if column in COLUMNS.percents else COLUMNS.number
            values = zip(table[column], table[low], table[high], strict=True)
            shown[column] = [as_text(value, bottom, top) for value, bottom, top in values]
        elif column in COLUMNS.percents:
            shown[column] = [COLUMNS.percent(value) for value in table[column]]
        elif column not in COLUMNS.hidden:
            shown[column] = table[column].map(_plain)
    base = _base(name)
    return {
        "name": name,
        "title": TITLES[base] + (f": {name.removeprefix(f'{base}_')}" if base != name else ""),
        "caption": TABLES[base],
        "columns": [COLUMNS.title(column) for column in shown.columns],
        "rows": shown.to_numpy().tolist(),
    }


def _base(name: str) -> str:
    """What a table or figure is called that there is one of for each dataset."""
    return "correlations" if name.startswith("correlations_") else name


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else value


def _figure(path: str) -> dict[str, str]:
    name = Path(path).stem
    content = base64.b64encode(Path(path).read_bytes()).decode()
    return {"name": name, "caption": FIGURES[_base(name)], "content": content}


def _warnings(tables: dict[str, pd.DataFrame]) -> Iterator[str]:
    for row in tables["sgr"].to_dict("records"):
        if row["status"] != "defined":
            yield f"SGR of {row['method']} on {row['dataset']} by {row['variable']}, easy data of " + (
                f"{row['train_dataset']}: {row['status']}. {WHY[row['status']]}"
            )
    for name in ("population", "all_to_all"):
        table = tables.get(name, pd.DataFrame(columns=["n_test", "dropped"]))
        cut = table[table["dropped"] > 0].drop_duplicates(["model", "dataset", "variable", "method", "train_on"])
        for row in cut.to_dict("records"):
            what = (
                f"{row['method']} with {row['model']} on {row['dataset']} by {row['variable']}, {row['train_on']} data"
            )
            left_out = f"{row['dropped']:.1f} of {row['k']} examples left out on average"
            yield f"{what}: {left_out}, beyond the model's window."
        few = table[table["n_test"] < SMALL_TEST]
        if len(few):
            yield f"{len(few)} rows of table {name} rest on fewer than {SMALL_TEST} test items."
