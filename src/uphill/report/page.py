"""Gather tables, figures, config, versions and what was spent, and fill the page.

Every value is escaped, whatever it holds: questions, names, config values and errors are text on the page, never
markup. The page has no script, and its policy lets none run, nor anything load.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from uphill.errors import damaged
from uphill.report import captions, made
from uphill.report.cautions import cautions
from uphill.report.cells import in_all_rows, shown
from uphill.report.questions import questions
from uphill.report.spent import spent
from uphill.report.verdicts import question, verdicts
from uphill.running.job import Running
from uphill.running.noting import NOTES
from uphill.running.provenance import beside, checked, levels, read_table, sha256
from uphill.running.provenance import read as read_record
from uphill.schemas.files import made_by, read, written_whole
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.schemas.level_names import Levels, from_easiest, hardest, levels_by_value, main_table
from uphill.schemas.names import ALL

TEMPLATE = "report.html.j2"
POLICY = "default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page (Content Security Policy): no script, no handler, no request."""


def render(job: Running) -> None:
    """Write the page from the job's inputs: item and hardness tables, tables, wide tables if any, and figures."""
    records = {Path(path).stem: checked(path, job.upstream(path))[1] for path in job.input.tables}
    tables = {Path(path).stem: read_table(path) for path in job.input.tables}
    wide = {Path(path).stem: _wide(job, path) for path in job.input.get("wide", [])}
    versions = {name: record["spec"]["versions"] for name, record in records.items()}
    main = main_table(tables)
    order = levels(next(path for path in job.input.tables if Path(path).stem == main)) if main else {}
    page = filled(
        config=yaml.safe_dump(job.settings["config"], sort_keys=False, width=110),
        counts=_study(job.settings["config"], tables),
        questions=questions(tables),
        answer=_answer(tables[main], order) if main else [],
        question="" if (sgr := tables.get("sgr", pd.DataFrame())).empty else question(sgr),
        verdicts=list(verdicts(sgr)),
        datasets=[_counts(path, job.upstream(path)) for path in job.input.questions],
        levels=[row for path in job.input.hardness for row in _levels(path, job.upstream(path))],
        tables=[
            _table(name, table, wide.get(name), records[name]["spec"]["settings"]) for name, table in tables.items()
        ],
        figures=[_figure(job, path) for path in job.input.figures],
        cautions=[*cautions(tables, job.notes.get(NOTES, [])), *made.caution(versions)],
        versions=made.alike(versions),
        identity=job.spec["id"],
        spent=spent(Path(job.output[0]).parent),
    )
    with written_whole(job.output[0]) as temporary:
        temporary.write_text(page, encoding="utf-8")


def filled(**values: Any) -> str:
    """The page with these values, each escaped; its policy allows its own style sheet and the images that it holds."""
    # By the name of the template, select_autoescape would leave .html.j2 as it is.
    environment = Environment(loader=PackageLoader("uphill.report", "."), autoescape=True, undefined=StrictUndefined)
    template = environment.get_template(TEMPLATE)
    source = Path(str(template.filename)).read_text(encoding="utf-8")
    style = source.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return template.render(policy=POLICY.format(style=f"'sha256-{digest}'"), **values)


def _of_today(job: Running, path: str) -> bytes:
    """A figure or wide table that was made from the very tables which are shown beside it.

    Raises:
        UphillError: it was made from others, or is not what was written.
    """
    content, record = checked(path, job.upstream(path))
    for source, made_from in record["sources"].items():
        if source not in job.input or made_from["sha256"] != sha256(source):
            raise damaged(path, f"made from another {source} than is there today")
    return content


def _wide(job: Running, path: str) -> pd.DataFrame:
    _of_today(job, path)
    return read_table(path)


def _study(config: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """What the study is made of, by name; what levels of a table's own are called is no hardness variable."""
    named: dict[str, dict[str, None]] = {name: {} for name in ("dataset", "variable", "model", "method")}
    for table, rows in tables.items():
        for column, found in named.items() if {*named} <= {*rows} else ():
            found.update(dict.fromkeys(name for name in rows[column].unique() if name not in (ALL, table)))
    return {
        **{f"{name}s": list(found) for name, found in named.items()},
        "boots": config["splits"]["boots"],
        "coverage": config["statistics"]["coverage"],
    }


def _answer(table: pd.DataFrame, order: Levels) -> list[dict[str, Any]]:
    """The question in numbers: hard test items, without supervision and after training on easy data.

    None where no level is both trained on and easier than another. Labels that are drawn at random are left out.
    """
    hard = hardest(table[table["noise_p"] == 0], order)
    easy = from_easiest(hard[hard["train_dataset"] == hard["dataset"]], order)
    # Less the gain, whose baseline is the dataset's Unsupervised whichever zero-shot methods were run beside it.
    rows = easy.assign(unsupervised=easy["accuracy"] - easy["gain"])
    found: list[dict[str, Any]] = rows.to_dict("records")
    return found


def _counts(path: str, identity: str) -> dict[str, Any]:
    items, spec = read(path, ITEMS, identity), made_by(path)
    source = {"kind": spec["settings"]["kind"], **spec["settings"]["source"]}
    return {
        "name": Path(path).stem,
        "items": len(items),
        "pools": dict(items["pool"].value_counts()),
        "kind": "multiple choice" if items["choices"].map(len).max() else "written answers",
        "example": items.iloc[0].to_dict(),
        "source": ", ".join(f"{key} {value}" for key, value in source.items() if value is not None),
        "id": spec["id"],
    }


def _levels(path: str, identity: str) -> Iterator[dict[str, Any]]:
    hardness = read(path, HARDNESS, identity)
    for (kind, variable), rows in hardness.groupby(["kind", "variable"], sort=True):
        counts = rows["level"].value_counts()
        yield {
            "dataset": Path(path).stem,
            "variable": variable,
            "kind": kind,
            "counts": ", ".join(f"{counts[level]} {level}" for level in levels_by_value(rows)),
            "smallest": rows["value"].min(),
            "median": rows["value"].median(),
            "largest": rows["value"].max(),
        }


def _table(name: str, table: pd.DataFrame, wide: pd.DataFrame | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    title, caption = captions.of_table(name, settings)
    rows = shown(table)
    same = in_all_rows(rows)
    return {
        "name": name,
        "title": title,
        "caption": caption,
        "rows": _grid(rows.drop(columns=list(same))),
        "count": len(rows),
        "same": "; ".join(f"{column} {value}" for column, value in same.items() if value != ""),
        "wide": None if wide is None else _grid(wide.fillna("")),
    }


def _grid(table: pd.DataFrame) -> dict[str, list[Any]]:
    return {"columns": list(table.columns), "cells": table.to_numpy().tolist()}


def _figure(job: Running, path: str) -> dict[str, str]:
    name = Path(path).stem
    content = base64.b64encode(_of_today(job, path)).decode()
    return {
        "name": name,
        "caption": captions.of_figure(read_record(beside(path))["spec"]["settings"]),
        "content": content,
    }
