"""What every job does around its work: a log, one clear line for bad input, the identity of its results."""

import hashlib
import importlib
import json
import logging
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from uphill.errors import UphillError
from uphill.identity.specs import together, versions
from uphill.running import spending
from uphill.running.leftovers import sweep
from uphill.running.noting import NOTES, noted
from uphill.running.parts import Parts
from uphill.running.places import PARTS, record_of, root_around, within
from uphill.running.processes import announce
from uphill.running.provenance import SUFFIX
from uphill.running.secrets import Formatter, hide
from uphill.running.stopping import Stopped, stoppable
from uphill.schemas.contract import Contract
from uphill.schemas.files import made_by, read, written_whole

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


class Running:
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
        self.spec: dict[str, Any] = getattr(snakemake.params, "spec", {})  # the demo model's job has none
        self.settings: dict[str, Any] = self.spec.get("settings", {})
        self._snakemake = snakemake

    @property
    def scratch(self) -> Path:
        """Where parts lie: under the root of the job's study, as its log does."""
        given = self._snakemake.params.get("scratch", None)
        return Path(given) if given else Path(root_around(self._snakemake.log[0]), PARTS)

    @property
    def made_by(self) -> dict[str, Any]:
        """The identity, the versions of libraries behind it and all that it reads, and notes, if there are any."""
        return {**self.spec, "versions": self.versions(self.input), **self.notes}

    @property
    def notes(self) -> dict[str, list[str]]:
        """Notes of this process, and of all that the job reads; empty where there are none."""
        found = noted(line for path in self.input for line in _notes(Path(path)))
        return {NOTES: found} if found else {}

    def versions(self, read: Iterable[str]) -> dict[str, str]:
        """Versions of the libraries that decide numbers, here and in the making of some Parquet files that are read."""
        records = (made_by(path).get("versions", {}) for path in read if path.endswith(".parquet"))
        return together(versions(), *(each for record in records for each in _flat(record)))

    @property
    def is_done(self) -> bool:
        """Whether all outputs are there, whole and of this identity; of those that record none, whether they are there.

        So it is where the run was killed after the job had written them, but before Snakemake knew.
        """
        try:
            return all(
                made_by(path).get("id") == self.spec["id"] if path.endswith(".parquet") else Path(path).is_file()
                for path in self.output
            )
        except (UphillError, OSError, ValueError, KeyError):
            return False

    def upstream(self, path: str) -> Any:
        """The identity that a file which the job reads must have; of a file of parts, those of the parts it reads."""
        return self.spec["upstream"][within(path)]

    def read(self, name: str, contract: Contract) -> "pd.DataFrame":
        """The table of an input that is one file, of the identity that it must have."""
        [path] = self.input.get(name)
        return read(path, contract, self.upstream(path))

    def expected(self, paths: Iterable[str]) -> dict[str, str]:
        """Some files, each with the identity that it must have."""
        return {path: self.upstream(path) for path in paths}

    def record(self) -> None:
        """Say what made those outputs that cannot say it themselves, and have no provenance that does."""
        if not self.spec or any(path.endswith(SUFFIX) for path in self.output):
            return
        for path in (path for path in self.output if not path.endswith(".parquet")):
            with written_whole(record_of(path)) as temporary:
                temporary.write_text(json.dumps({"spec": self.spec}, indent=1) + "\n")

    def scratch_of(self, identity: str) -> Path:
        """A folder for what is not finished of this job, or of a slice of it; whoever fills it clears it."""
        return self.scratch / f"{self.spec['stage']}-{identity}-{self._whose}-unfinished"

    def parts(self, contract: Contract, identity: str | None = None) -> Parts:
        """Finished parts of this job, by its identity or by that of a slice of it."""
        name = f"{self.spec['stage']}-{identity or self.spec['id']}-{self._whose}"
        return Parts(self.scratch / name, contract, list(self.output))

    @property
    def _whose(self) -> str:
        """What tells this job's scratch from that of another with the same identity: they may be at work at once."""
        return hashlib.sha256(str(self.output[0]).encode()).hexdigest()[:8]


def mock(rule: str, /, config: str = "config/config.yaml", **wildcards: str) -> Any:
    """What Snakemake would give the script of a job, as for a debugger: `snakemake = mock("items", dataset="dial")`.

    The script then runs as it stands: it reads what earlier jobs made, and writes the job's outputs and log.
    """
    # By name: a job's script is made of what it imports, and this is no part of it.
    return importlib.import_module("uphill.planning.mocking").mock(rule, wildcards, config)


def _flat(versions: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """Those of a file; of predictions, those of each slice."""
    several = [each for each in versions.values() if isinstance(each, Mapping)]
    return several or [versions]


@contextmanager
def start(snakemake: Any) -> Iterator[Running]:
    """Run a script's work: log to the rule's log file, and end bad input with one line and exit status 1."""
    handler = logging.FileHandler(snakemake.log[0], mode="w")
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _logged
    announce(f"a job that makes {snakemake.output[0]}" if snakemake.output else f"the job {snakemake.rule}")
    try:
        with stoppable():
            job = Running(snakemake)
            sweep(job.scratch)
            yield job
            job.record()
            log.info("%s", spending.said())
    except UphillError as error:
        log.error("%s", error)
        print(f"error: {hide(str(error))}", file=sys.stderr)
        sys.exit(1)
    except Stopped as stop:
        log.warning("stopped by %s; what is finished is kept", stop)
        sys.exit(stop.status)


@cache
def _notes(path: Path) -> list[str]:
    """Notes in a file that the workflow made: in its metadata, or in the provenance that lies beside a table."""
    try:
        if path.suffix == ".parquet":
            return list(made_by(path).get(NOTES, []))
        if path.name.endswith(".provenance.json"):
            return list(json.loads(path.read_text())["spec"].get(NOTES, []))
    except (UphillError, OSError, ValueError, KeyError, TypeError):
        pass  # its reader says what is wrong with it
    return []


def _logged(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("stopped", exc_info=(kind, error, trace))
    print(hide("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="")
