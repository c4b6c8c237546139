"""What every job does around its work: a log, one clear line for bad input, the identity of its results."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from uphill import spending
from uphill.errors import UphillError
from uphill.identity import versions
from uphill.parts import Parts
from uphill.schemas import Contract

log = logging.getLogger(__name__)


class Job:
    """One Snakemake job, as its script sees it.

    Attributes:
        input, output, wildcards: as Snakemake gives them.
        settings: the config values that the job reads.
        made_by: its identity and the versions of libraries, to be written into what it makes.
    """

    def __init__(self, snakemake: Any) -> None:
        self.input = snakemake.input
        self.output = snakemake.output
        self.wildcards = snakemake.wildcards
        self.resources = snakemake.resources
        self.threads = int(snakemake.threads)
        self.spec: dict[str, Any] = snakemake.params.spec
        self.settings: dict[str, Any] = self.spec["settings"]
        self.scratch = Path(snakemake.params.get("scratch", "results/.parts"))

    @property
    def made_by(self) -> dict[str, Any]:
        """The identity, and the versions of the libraries that decide numbers."""
        return {**self.spec, "versions": versions()}

    def parts(self, contract: Contract, identity: str | None = None) -> Parts:
        """Finished parts of this job, by its identity or by that of a share of it."""
        return Parts(self.scratch / f"{self.spec['stage']}-{identity or self.spec['id']}", contract)


@contextmanager
def start(snakemake: Any) -> Iterator[Job]:
    """Run a script's work: log to the rule's log file, and end bad input with one line and exit status 1."""
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    logging.captureWarnings(True)
    sys.excepthook = _logged
    try:
        yield Job(snakemake)
        log.info("%s", spending.said())
    except UphillError as error:
        log.error("%s", error)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _logged(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("stopped", exc_info=(kind, error, trace))
    sys.__excepthook__(kind, error, trace)
