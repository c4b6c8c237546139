"""Where the files of a study are, from the folder that the workflow runs in: all under one root.

And where the files are that come with the workflow, which may lie elsewhere.
"""

from pathlib import Path, PurePath

HOME = Path(__file__).resolve().parents[3]
"""The checkout, whose library this is."""
RESULTS = "results"
RECORDS = ".made"
"""Under the root: what made the files that have no place for it themselves."""


def shipped(path: PurePath | str) -> str:
    """A file or folder that the workflow brings, such as its scripts or its demo model: the one of that path where the
    run is, and else the workflow's own; so that a run elsewhere (`--directory`) needs no copy of it and may have one.
    """
    own = HOME / path
    return str(own) if not Path(path).exists() and own.exists() else str(path)


def within(path: PurePath | str) -> str:
    """A file of a study from its root, as identities name it: they hold under any root.

    Raises:
        ValueError: it is not under the root.
    """
    return PurePath(path).relative_to(RESULTS).as_posix()


def record_of(path: PurePath | str) -> str:
    """The file that says what made a file which cannot say it itself, nor has it said beside it."""
    return f"{RESULTS}/{RECORDS}/{within(path)}.json"
