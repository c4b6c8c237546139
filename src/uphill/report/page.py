"""Gather tables, figures, config, versions and what was spent, and fill the page.

Every value is escaped, whatever it holds: questions, names, config values and errors are text on the page, never
markup. The page has one script, its own, which sorts and filters tables and enlarges figures; its policy lets no other
run, nor anything load. Without the script all of it can be read.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from uphill.errors import damaged
from uphill.figures.plots import names
from uphill.figures.plots.boxes import said
from uphill.report import captions, made
from uphill.report.answer import answer
from uphill.report.cautions import cautions
from uphill.report.cells import heading, in_all_rows, plain, shown
from uphill.report.named import with_level_names, with_names
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
from uphill.schemas.level_names import levels_by_value, main_table
from uphill.schemas.names import ALL

TEMPLATE, STYLE, SCRIPT = "report.html.j2", "page.css", "page.js"
POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
"""What a browser may do with the page (Content Security Policy): its own script and style by their digests, no other
script, no handler, no request; nor may that script make markup of a text.
"""


def render(job: Running) -> None:
    """Write the page from the job's inputs: item and hardness tables, tables, wide tables if any, and figures."""
    config = job.settings["config"]
    kinds = {name: entry["source"]["kind"] for name, entry in config["datasets"].items()}
    records = {Path(path).stem: checked(path, job.upstream(path))[1] for path in job.input.tables}
    tables = {Path(path).stem: read_table(path) for path in job.input.tables}
    called = {name: with_names(table, kinds) for name, table in tables.items()}
    wide = {Path(path).stem: _wide(job, path) for path in job.input.get("wide", [])}
    versions = {name: record["spec"]["versions"] for name, record in records.items()}
    main = main_table(tables)
    order = levels(next(path for path in job.input.tables if Path(path).stem == main)) if main else {}
    sgr = called.get("sgr", pd.DataFrame())
    page = filled(
        config=yaml.safe_dump(config, sort_keys=False, width=110),
        counts=_study(config, tables, called),
        questions=questions(called),
        answer=_told(answer(tables, order, kinds)),
        question="" if sgr.empty else question(sgr),
        verdicts=list(verdicts(sgr)),
        datasets=[_counts(path, job.upstream(path)) for path in job.input.questions],
        levels=_grid(
            pd.DataFrame(row for path in job.input.hardness for row in _levels(path, job.upstream(path), kinds))
        ),
        tables=[
            _table(name, table, wide.get(name), records[name]["spec"]["settings"], kinds)
            for name, table in tables.items()
        ],
        figures=[_figure(job, path) for path in job.input.figures],
        cautions=[*cautions(called, job.notes.get(NOTES, [])), *made.caution(versions)],
        versions=made.alike(versions),
        identity=job.spec["id"],
        spent=spent(Path(job.output[0]).parent),
    )
    with written_whole(job.output[0]) as temporary:
        temporary.write_text(page, encoding="utf-8")


def filled(**values: Any) -> str:
    """The page with these values, each escaped; its policy allows its own style sheet and script, and its images."""
    # By the name of the template, select_autoescape would leave .html.j2 as it is.
    environment = Environment(loader=PackageLoader("uphill.report", "."), autoescape=True, undefined=StrictUndefined)
    own = {"style": _own(STYLE), "script": _own(SCRIPT)}
    policy = POLICY.format(**{name: _digest(text) for name, text in own.items()})
    return environment.get_template(TEMPLATE).render(policy=policy, **own, **values)


def _own(name: str) -> str:
    """A file of this package that the page holds as it is."""
    return files("uphill.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


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


def _study(
    config: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], called: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    """What the study is made of, by name; what levels of a table's own are called is no hardness variable."""
    named: dict[str, dict[str, None]] = {name: {} for name in ("dataset", "variable", "model", "method")}
    for table, rows in tables.items():
        for column, found in named.items() if {*named} <= {*rows} else ():
            found.update(dict.fromkeys(called[table][column][~rows[column].isin((ALL, table))]))
    return {
        **{f"{name}s": list(found) for name, found in named.items()},
        "boots": config["splits"]["boots"],
        "coverage": config["statistics"]["coverage"],
    }


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


def _levels(path: str, identity: str, kinds: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    hardness = read(path, HARDNESS, identity)
    for (kind, variable), rows in hardness.groupby(["kind", "variable"], sort=True):
        counts = rows["level"].value_counts()
        dataset = Path(path).stem
        yield {
            "dataset": dataset,
            "variable": names.variable_name(kinds[dataset], str(variable)),
            "id": variable,
            "kind": kind,
            "levels": ", ".join(f"{counts[level]} {names.name(str(level))}" for level in levels_by_value(rows)),
            "smallest": plain(float(rows["value"].min())),
            "median": plain(float(rows["value"].median())),
            "largest": plain(float(rows["value"].max())),
        }


def _table(
    name: str,
    table: pd.DataFrame,
    wide: pd.DataFrame | None,
    settings: Mapping[str, Any],
    kinds: Mapping[str, str],
) -> dict[str, Any]:
    title, caption = captions.of_table(name, settings)
    named = with_names(table, kinds)
    ids = table["variable"] if "variable" in table else pd.Series("", index=table.index)
    rows = _told(shown(with_level_names(named, name, kinds, ids)))
    return {
        "name": name,
        "title": title,
        "caption": caption,
        "rows": rows,
        "count": len(table),
        "same": rows["same"],
        "wide": None if wide is None else _grid(_wide_names(wide.fillna(""), table, kinds)),
    }


def _told(rows: pd.DataFrame) -> dict[str, Any]:
    """A grid without what is the same in all rows, which is said once, and without columns that hold nothing."""
    same = in_all_rows(rows)
    empty = [str(column) for column in rows.columns if (rows[column] == "").all()]
    said = "; ".join(f"{column} {value}" for column, value in same.items() if value != "")
    return {**_grid(rows.drop(columns=list({*same, *empty}))), "same": said}


def _wide_names(wide: pd.DataFrame, table: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """A wide table with methods and variables called as in the tidy one, of which it is made."""
    called = with_names(table, kinds)
    for column in ("method", "variable"):
        if column in wide and column in table:
            keys = ["dataset", column] if {"dataset"} <= {*wide} & {*table} else [column]
            pairs = dict(zip(table[keys].astype(str).itertuples(index=False, name=None), called[column], strict=True))
            wide = wide.assign(
                **{
                    column: [
                        pairs.get(key, key[-1]) for key in wide[keys].astype(str).itertuples(index=False, name=None)
                    ]
                }
            )
    said = names.methods(table) if "method" in table else {}
    return wide.rename(columns={column: _wide_heading(str(column), said) for column in wide})


def _wide_heading(column: str, said: Mapping[str, str]) -> str:
    """A heading of a wide table; one that names a method and its number of items names it as elsewhere."""
    method, at, count = column.rpartition(" n=")
    if not at or method not in said:
        return heading(column)
    return f"{said[method]}, {count} items" if int(count) else said[method]


def _grid(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Headings and cells; a number is not broken from its unit, nor an interval within."""
    cells = [[_whole(value) for value in row] for row in table.astype(object).to_numpy().tolist()]
    return {"columns": list(table.columns), "cells": cells}


def _whole(value: Any) -> Any:
    """A cell in which lines break between numbers only."""
    if not isinstance(value, str):
        return value
    text = re.sub(r"(?<=\d) (?=%|\()|(?<=\bp) |(?<=<) ", "\u00a0", value)
    return re.sub(r"\[[^\[\]]*\]", lambda found: found[0].replace(" ", "\u00a0"), text)


def _figure(job: Running, path: str) -> dict[str, str]:
    name = Path(path).stem
    content = _of_today(job, path)
    return {
        "name": name,
        "caption": captions.of_figure(read_record(beside(path))["spec"]["settings"]),
        "content": base64.b64encode(content).decode(),
        "panels": json.dumps(said(content, "Panels")),
        "marks": json.dumps(said(content, "Marks"), ensure_ascii=False, separators=(",", ":")),
    }
