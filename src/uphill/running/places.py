"""Where the files of a study are, from the folder that the workflow runs in: all under one root.

The root is `results`, or of a study that has a name the folder of that name in it: `results/mine`.

And where the files are that come with the workflow, which may lie elsewhere.
"""

from pathlib import Path, PurePath

HOME = Path(__file__).resolve().parents[3]
"""The checkout, whose library this is."""
RESULTS = "results"
RECORDS, PARTS = ".made", ".parts"
"""Under the root: what made the files that have no place for it themselves; and what is not finished."""
ROOMS = frozenset(
    {
        *("items", "models", "responses", "hardness", "splits", "generations", "clusters", "labels", "predictions"),
        *("grades", "matrices", "tables", "figures", "report.html", "logs", "benchmarks", "demo_model", RECORDS, PARTS),
        "token_scores",
    }
)
"""What a root holds. No study is called so: its folder would be taken for another's files."""


def root_of(study: str | None) -> str:
    """The root of a study by its name; of one without, the results' own."""
    return RESULTS if study is None else f"{RESULTS}/{study}"


def root_around(path: PurePath | str) -> str:
    """The root that a file of a study is under, by the file's own name.

    Raises:
        ValueError: the file is under none.
    """
    first, *rest = PurePath(path).parts
    if first == RESULTS and rest and rest[0] in ROOMS:
        return RESULTS
    if first == RESULTS and len(rest) > 1 and rest[1] in ROOMS:
        return root_of(rest[0])
    raise ValueError(f"{path} is no file of a study, expected one under {RESULTS}/, or under {RESULTS}/STUDY/")


def shipped(path: PurePath | str) -> str:
    """A file or folder that the workflow brings, such as its scripts or its demo model: the one of that path where the
    run is, and else the workflow's own; so that a run elsewhere (`--directory`) needs no copy of it and may have one.
    """
    own = HOME / path
    return str(own) if not Path(path).exists() and own.exists() else str(path)


def within(path: PurePath | str) -> str:
    """A file of a study from its root, as identities name it: they hold under any root.

    Raises:
        ValueError: it is not under a root.
    """
    return PurePath(path).relative_to(root_around(path)).as_posix()


def record_of(path: PurePath | str) -> str:
    """The file that says what made a file which cannot say it itself, nor has it said beside it."""
    return f"{root_around(path)}/{RECORDS}/{within(path)}.json"
