"""The one exception that a user is meant to see: a message that names file, key or row, and what was expected."""


class UphillError(Exception):
    """Bad input. The message is one line and complete; no traceback is needed to act on it."""
