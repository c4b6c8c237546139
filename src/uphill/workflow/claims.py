"""Whether every file of a study is one thing's: what jobs write, named by what of the config asks for it."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from uphill.errors import UphillError
from uphill.workflow.paths import benchmark_path, log_path
from uphill.workflow.study import Study

MOST_BYTES = 255
"""Of one name in any file system of today."""
TEMPORARY = len(".") + len("." + "0" * 32) + len(".damaged")
"""What is put around a name while a file is written, and where it is set aside."""

Claim = tuple[str, str]


def check_claims(study: Study) -> None:
    """Every file is one thing's, also where large and small letters are the same, and no file is another's folder.

    Raises:
        UphillError: a file would be two things', or a name is too long for a file.
    """
    owners: dict[str, Claim] = {}
    for path, what in claims(study):
        _short_enough(path, what)
        other = owners.setdefault(path.casefold(), (path, what))
        if other != (path, what):
            raise UphillError(f"{path}: the file of {what}, and of {other[1]}; expected names that differ, rename one")
    for path, what in list(owners.values()):
        for folder in PurePosixPath(path.casefold()).parents:
            if str(folder) in owners:
                raise UphillError(f"{owners[str(folder)][0]}: the file of {owners[str(folder)][1]}, and a folder of "
                                  f"{what}; expected names that differ, rename one")  # fmt: skip


def _short_enough(path: str, what: str) -> None:
    longest = max(path.split("/"), key=lambda name: len(name.encode()))
    if len(longest.encode()) + TEMPORARY > MOST_BYTES:
        raise UphillError(
            f"{what}: its file {longest[:40]}... has a name of {len(longest.encode())} bytes, expected at most "
            f"{MOST_BYTES - TEMPORARY}; choose shorter names"
        )


def claims(study: Study) -> Iterator[Claim]:
    """(file, what asks for it) of every output, log and benchmark file of the study."""
    for job in study.jobs:
        yield from ((path, job.named) for path in (*job.files, log_path(job.record), benchmark_path(job.record)))
