"""The one exception that a user is meant to see: a message that names file, key or row, and what was expected."""

import shlex


class UphillError(Exception):
    """Bad input. The message is one line and complete; no traceback is needed to act on it."""


def expected(complaint: str) -> str:
    """What pydantic says of a value, in the words of our messages: as what was expected."""
    for said, meant in (
        ("Input should be", "expected"),
        ("List should have", "expected"),
        ("String should", "expected to"),
        ("Dictionary should have", "expected"),
    ):
        complaint = complaint.replace(said, meant, 1)
    return complaint.removesuffix(" after validation, not 0")


def damaged(path: object, what: str) -> UphillError:
    """The error of a file that is not what the workflow wrote, with the command that has it made again."""
    return UphillError(
        f"{path}: {what}; to have it made again: rm {shlex.quote(str(path))}, then run the workflow again"
    )
