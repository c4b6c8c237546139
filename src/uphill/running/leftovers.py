"""What finished jobs leave in the scratch folder: it goes when nothing can take their outputs away any more.

Snakemake deletes the outputs of a job that ends badly, even where it was killed after it had written the last of them,
before its process was over. So parts and checkpoints outlive the writing of outputs by a minute, or to the run's end.
"""

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

FINISHED = ".finished"
PATIENCE_S = 60.0
"""No process takes so long to end."""


def finish(folder: Path, outputs: Sequence[str | Path]) -> None:
    """Mark what a job kept as what its outputs, which are written, were made of; without outputs it goes at once."""
    if not outputs:
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.is_dir():
        (folder / FINISHED).write_text(json.dumps({str(path): _which(Path(path)) for path in outputs}))


def resume(folder: Path) -> None:
    """Take the mark away: the job is at work again."""
    (folder / FINISHED).unlink(missing_ok=True)


def sweep(scratch: Path, patience_s: float = PATIENCE_S) -> None:
    """Remove what jobs kept that finished so long ago, or longer, and whose outputs stand as they wrote them.

    Args:
        scratch: the folder of all such folders.
        patience_s: seconds; 0 where no job is at work any more.
    """
    for mark in scratch.glob(f"*/{FINISHED}"):
        try:
            stand = all(_which(Path(path)) == written for path, written in json.loads(mark.read_text()).items())
            if stand and time.time() - mark.stat().st_mtime >= patience_s:
                shutil.rmtree(mark.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue  # an output is gone, or another job clears this one up


def _which(path: Path) -> list[int]:
    """What tells a file from another of its name. Snakemake sets times anew."""
    found = path.stat()
    return [found.st_ino, found.st_size]
