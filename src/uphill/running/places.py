"""Where the files of a study are, from the folder that the workflow runs in: all under one root."""

from pathlib import PurePath

RESULTS = "results"
RECORDS = ".made"
"""Under the root: what made the files that have no place for it themselves."""


def within(path: PurePath | str) -> str:
    """A file of a study from its root, as identities name it: they hold under any root.

    Raises:
        ValueError: it is not under the root.
    """
    return PurePath(path).relative_to(RESULTS).as_posix()


def record_of(path: PurePath | str) -> str:
    """The file that says what made a file which cannot say it itself, nor has it said beside it."""
    return f"{RESULTS}/{RECORDS}/{within(path)}.json"
