"""Which modules a digest of code stands for, written down when a run starts, so that an edit can be named later."""

import json
from pathlib import Path

from uphill.schemas.files import written_whole
from uphill.workflow.jobs import code_of
from uphill.workflow.study import Study

FOLDER = ".snakemake/uphill/code"
"""Not among the results: a failed start leaves none of those."""


def record(study: Study) -> None:
    """Write down the modules of every digest of code in a study that were not yet."""
    study.check()  # whichever of them Snakemake has not asked for
    for digest, contents in code_of.items():
        path = Path(FOLDER) / f"{digest}.json"
        if not path.is_file():
            with written_whole(path) as temporary:
                temporary.write_text(json.dumps(contents, indent=1) + "\n")


def recorded(digest: str) -> dict[str, str] | None:
    """Digest of each module's content behind a digest of code; None if no run wrote it down."""
    try:
        found = json.loads((Path(FOLDER) / f"{digest}.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
