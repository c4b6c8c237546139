"""Copies of the project and of finished runs, with what any process would find out first of each: once for all.

Bytecode of the library, and digests of what its sources say, take a second or two of each copy's first run. A copy is
given both; each is taken for what it is only where the source is the very same, so that an edit is seen as in a clone.
"""

import compileall
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from uphill.identity import sources

ROOT = Path(__file__).parents[1]
IGNORED = shutil.ignore_patterns(".git", ".venv", "results", ".snakemake", "__pycache__", ".*_cache", ".hypothesis")


def fresh(folder: Path, told: bool = True) -> Path:
    """The project in a new folder, with no results; `told`: with digests of its sources."""
    shutil.copytree(ROOT, folder, ignore=IGNORED, symlinks=True)
    with_bytecode(folder)
    if told:
        (folder / sources.KEPT).parent.mkdir(parents=True)
        shutil.copy(_digests(), folder / sources.KEPT)
    return folder


def again(finished: Path, folder: Path, ignore: Callable[[str, list[str]], set[str]] | None = None) -> Path:
    """A copy of a folder in which something was run."""
    shutil.copytree(finished, folder, ignore=ignore, symlinks=True)
    with_bytecode(folder)
    return folder


def with_bytecode(folder: Path) -> None:
    """Give a copy the library's bytecode, by links to files that are written anew, and never changed."""
    shutil.rmtree(_bytecode(folder), ignore_errors=True)  # of a folder that was called so before
    shutil.copytree(_compiled(), _bytecode(folder), copy_function=os.link)


def _bytecode(folder: Path) -> Path:
    assert sys.pycache_prefix
    return Path(sys.pycache_prefix) / (folder.resolve() / "src").relative_to("/")


@functools.cache
def _compiled() -> Path:
    with FileLock(Path(tempfile.gettempdir()) / f"uphill-compiling-{os.getuid()}.lock"):
        compileall.compile_dir(ROOT / "src", quiet=2)
    return _bytecode(ROOT)


@functools.cache
def _digests() -> Path:
    """A file of the digests of all sources of jobs."""
    assert sys.pycache_prefix
    folder = Path(sys.pycache_prefix) / "digests"
    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        sources.forget()
        for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py")]:
            sources.said(path.read_text())
        sources.keep()
        sources.forget()
    return folder / sources.KEPT
