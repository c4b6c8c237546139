"""The default study with changed keys, and what a change makes stale.

Importable by the tests beside it.
"""

import copy
from pathlib import Path
from typing import Any

import yaml

from uphill.config.checked import check
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]


def plan(**changes: Any) -> Study:
    raw = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = raw
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        place[last] = value
    return Study(check(raw))


def ids(study: Study) -> dict[str, str]:
    """The identity of every job of the default study that a change below could touch."""
    found = {}
    for job in study.jobs:
        names = job.wildcards
        for part in job.parts:
            found[f"{names['method']}/{names['dataset']}/{part.part}"] = part.id
        if job.rule in ("items", "responses", "hardness"):
            found[f"{job.rule}/{names['dataset']}"] = job.id
        elif job.rule == "splits":
            found[f"splits/{names['dataset']}/{names['split']}"] = job.id
        elif job.rule == "table":
            found[names["table"]] = job.id
    return found


def changed(**changes: Any) -> set[str]:
    before, after = ids(plan()), ids(plan(**changes))
    return {name for name in before if before[name] != after[name]}
