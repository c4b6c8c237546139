"""Rows of a hub repository's CSV and JSON files as they are written there.

`datasets` guesses a type for each column of such files: 007 becomes 7, NA becomes null, 0.10 becomes 0.1.
"""

from pathlib import Path
from typing import Any

from uphill.datasets.raw_files import named_cells, parse_json, read_text
from uphill.errors import UphillError

TEXT_FILES = ("csv", "json")
"""Builders of `datasets` whose files hold text."""


def as_written(source: str, config: str | None, split: str, revision: str | None) -> list[Any]:
    """An object a row, each with the names of all; cells of CSV are texts, numbers of JSON keep their digits.

    Args:
        source: hub id, or a folder.
        config, split, revision: as `datasets.load_dataset` takes them.

    Raises:
        UphillError: a file cannot be read, or has a row that is none.
    """
    from datasets import DownloadManager, load_dataset_builder  # type: ignore[import-untyped]

    builder = load_dataset_builder(source, config, revision=revision)
    found: list[Any] = []
    for name in builder.config.data_files[split]:
        path = Path(DownloadManager().download_and_extract(str(name)))
        try:
            found += _csv(path, builder.config.sep) if builder.name == "csv" else _json(path, builder.config.field)
        except (UphillError, ValueError) as error:
            raise UphillError(f"{name}: {str(error).removeprefix(f'{path}: ')}") from None
    names = dict.fromkeys(name for row in found if isinstance(row, dict) for name in row)
    return [{name: row.get(name) for name in names} if isinstance(row, dict) else row for row in found]


def _csv(path: Path, delimiter: str) -> list[Any]:
    return [cells for _, cells in named_cells(path, delimiter)]


def _json(path: Path, field: str | None) -> list[Any]:
    text = read_text(path, "JSON").strip()
    if field is not None:
        return list(parse_json(text)[field])
    return parse_json(text) if text.startswith("[") else [parse_json(line) for line in text.split("\n") if line.strip()]
