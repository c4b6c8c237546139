"""Access tokens stay out of logs, results and reports."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "***"
TOKEN = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{16,}|(?<=://)[^/@\s]+:[^/@\s]+(?=@)")
"""A Hugging Face token, or a name and password in an address."""
_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 8
"""Shorter values are flags such as `true`, not secrets."""


def hide(text: str, environment: Mapping[str, str] | None = None) -> str:
    """`text` without tokens, and without the values of the environment's variables that hold secrets."""
    for name, value in (os.environ if environment is None else environment).items():
        if _NAMES.search(name) and len(value) >= _SHORTEST:
            text = text.replace(value, HIDDEN)
    return TOKEN.sub(HIDDEN, text)


class Formatter(logging.Formatter):
    """Log lines and tracebacks without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """As the base class, then hidden."""
        return hide(super().format(record))


def keys_with_tokens(value: Any, key: str = "") -> Iterator[str]:
    """Dotted keys of plain data at which a token stands."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            yield from keys_with_tokens(entry, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for number, entry in enumerate(value):
            yield from keys_with_tokens(entry, f"{key}.{number}")
    elif isinstance(value, str) and TOKEN.search(value):
        yield key
