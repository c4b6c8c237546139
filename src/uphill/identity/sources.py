"""Digests of what sources say to Python, found once for each text: telling comments apart takes a second for all.

They are kept by the text's own digest, and by that of the code that finds them: nothing about a file can make them old.
"""

import functools
import hashlib
from pathlib import Path

from uphill.identity import keeping, syntax

KEPT = keeping.FOLDER / "sources.json"
_asked: dict[str, str] = {}
"""What this process was asked for, by the digest of the text."""


def said(source: str) -> str:
    """SHA-256, in hex, of a source without what says nothing to Python.

    Raises:
        SyntaxError: it is no Python.
    """
    text = hashlib.sha256(f"{_finder()}{source}".encode()).hexdigest()
    if text not in _asked:
        _asked[text] = _kept().get(text) or hashlib.sha256(syntax.bare(source).encode()).hexdigest()
    return _asked[text]


def keep() -> None:
    """Write down what this process was asked for, unless that is what is kept."""
    if _asked.keys() - _kept().keys():
        keeping.write(KEPT, _asked)


def forget() -> None:
    """Drop what this process knows; what is kept on disk is read anew."""
    _asked.clear()
    _kept.cache_clear()


@functools.cache
def _kept() -> dict[str, str]:
    return keeping.read(KEPT)


@functools.cache
def _finder() -> str:
    """The digest of the code that tells what a source says."""
    return hashlib.sha256(Path(syntax.__file__).read_bytes()).hexdigest()
