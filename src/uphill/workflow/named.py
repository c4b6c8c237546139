"""Which config made the files under a root, so that another one is told before it writes over them."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from uphill.running.places import RECORDS
from uphill.schemas.files import written_whole
from uphill.workflow.study import Study


def _record(study: Study) -> Path:
    return Path(study.root, RECORDS, "configs.json")


def record(study: Study, configs: Sequence[str]) -> None:
    """Write down which configs a run is of."""
    with written_whole(_record(study)) as temporary:
        temporary.write_text(json.dumps([os.path.relpath(path) for path in configs]) + "\n")


def written_over(study: Study, configs: Sequence[str], stale: Collection[str]) -> str | None:
    """What to say of a study that would write over the tables of another config's, or None.

    Args:
        study: the study.
        configs: its config's files.
        stale: its files that are there and would be made again.
    """
    try:
        before = json.loads(_record(study).read_text())
    except (OSError, ValueError):
        return None
    mine = [os.path.relpath(path) for path in configs]
    tables = Path(study.root, "tables")
    over = [path for path in stale if Path(path).parent == tables]
    beside = sorted(str(path) for path in tables.glob("*.csv") if str(path) not in study.files)
    if not isinstance(before, list) or before == mine or not (over or beside):
        return None
    done = " and ".join(
        [
            *([f"makes {len(over)} of its files in {tables} over, such as {over[0]}"] if over else []),
            *([f"leaves {beside[0]} of it beside"] if beside else []),
        ]
    )
    return (
        f"{study.root} is of {', '.join(map(str, before))}; this study, of {', '.join(mine)}, {done}; a line "
        f"`study: NAME` in its config gives it results/NAME for itself"
    )
