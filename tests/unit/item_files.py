"""Files of questions of every kind, for tests of how they are read."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from uphill.datasets import file

Row = dict[str, Any]
COMMIT = "0" * 40


def load(path: Path, **settings: Any) -> pd.DataFrame:
    return file.load(file.Settings.model_validate({"path": path, **settings}))


def as_cells(rows: Sequence[Row], delimiter: str) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(rows[0])
    writer.writerows([json.dumps(v) if isinstance(v, list | dict) else v for v in row.values()] for row in rows)
    return stream.getvalue()


def write(folder: Path, kind: str, rows: Sequence[Row]) -> Path:
    path = folder / f"mine{kind}"
    if kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    written = {".jsonl": "\n".join(lines), ".json": f"[{','.join(lines)}]"}
    text = written[kind] if kind in written else as_cells(rows, {".csv": ",", ".tsv": "\t"}[kind])
    path.write_bytes(text.encode())
    return path


KINDS = [".csv", ".tsv", ".jsonl", ".json", ".parquet"]


def questions(answers: Sequence[Any], choices: Callable[[int], Any] = lambda _: ["w", "x", "y", "z"]) -> list[Row]:
    return [
        {"item_id": f"i{n}", "question": "q?", "choices": choices(n), "gold": gold} for n, gold in enumerate(answers)
    ]
