"""What makes a result what it is: settings, code, and the identity of everything it is made from.

A job's `spec` is one ordered plain dict. Snakemake reruns the job when it changes, the job writes it into what it
makes, and tables refuse inputs whose recorded spec is not today's.
"""

import ast
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import grimp

from uphill.checkpoints import deciding_files
from uphill.digests import content
from uphill.errors import UphillError
from uphill.syntax import bare

PACKAGE = "uphill"
SOURCE = Path(__file__).parent
SEVERAL = ", "
"""What stands between the versions of a library, where parts of a result were made with different ones."""


def digest(value: Any) -> str:
    """A short digest of plain data; the order of dict keys does not matter, values do."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def spec(stage: str, settings: Mapping[str, Any], code: str, upstream: Mapping[str, str]) -> dict[str, Any]:
    """The identity of one job, and `id`, its digest, by which those downstream name it.

    Args:
        stage: the kind of job.
        settings: every config value that the job reads, as plain data.
        code: digest of the modules that the job imports.
        upstream: the `id` of each job that this one reads from.
    """
    body = {"stage": stage, "settings": dict(settings), "code": code, "upstream": dict(sorted(upstream.items()))}
    return {**body, "id": digest(body)}


@functools.cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)


def imported_modules(script: Path | str, also: Iterable[str] = ()) -> list[str]:
    """The library's modules that a script imports, through any number of steps, in order.

    Args:
        script: a Python file outside the library.
        also: modules that it loads by name, which no import statement shows.
    """
    tree = ast.parse(Path(script).read_text())
    named = set(also)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module)
            named.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
    graph = _graph()
    direct = {name for name in named if name in graph.modules}
    found = direct.union(*(graph.find_upstream_modules(name) for name in direct))
    # Importing a module runs the packages above it too.
    parents = {name.rsplit(".", depth)[0] for name in found for depth in range(1, name.count(".") + 1)}
    above = {name for name in parents - found if name in graph.modules and name != PACKAGE}
    return sorted(found | above.union(*(graph.find_upstream_modules(name) for name in above)))


def _module_file(module: str) -> Path:
    path = SOURCE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@functools.cache
def code_contents(script: str, also: tuple[str, ...] = (), data: tuple[str, ...] = ()) -> dict[str, str]:
    """Digest of a script and of each library module that it imports; of content, so touching a file changes nothing.

    Of Python comments, docstrings and blank lines are no content; of any other file each byte is.

    Args:
        script: the job's script.
        also: modules that it loads by name.
        data: other files that the code reads, such as a page template.
    """
    files = {module: _module_file(module) for module in imported_modules(script, also)}
    files |= {Path(name).name: Path(name) for name in (script, *data)}
    return {name: hashlib.sha256(_said(path)).hexdigest() for name, path in files.items()}


def _said(path: Path) -> bytes:
    return bare(path.read_text()).encode() if path.suffix == ".py" else path.read_bytes()


@functools.cache
def file_digest(path: str) -> str:
    """Identity of a data file: its content.

    Raises:
        UphillError: there is no such file.
    """
    return _content(Path(path), "a data file")[:16]


@functools.cache
def folder_digest(folder: str, code: bool = False) -> str:
    """Identity of a local model: names and whole contents of the files that can change a number.

    Those are its config, its weights, wherever an index points, its vocabulary and its chat templates. A model card is
    none, and no generation config: settings of this project alone say how answers are written.

    Args:
        folder: the model's.
        code: whether code that comes with the model runs. It may open any file, so that all but cards count.

    Raises:
        UphillError: there is no such folder, or a file of the model cannot be read or lies outside it.
    """
    if not Path(folder).is_dir():
        raise UphillError(f"{folder}: no such folder, expected a model")
    return digest({name: _content(path, "a model's file") for name, path in deciding_files(Path(folder), code).items()})


def _content(path: Path, expected: str) -> str:
    try:
        return content(path)
    except OSError as error:
        raise UphillError(f"{path}: cannot be read ({error.strerror}), expected {expected}") from None


def versions() -> dict[str, str]:
    """Versions of the libraries that decide numbers. Recorded beside results, not part of their identity."""
    names = ("torch", "transformers", "tokenizers", "peft", "numpy", "pandas", "pyarrow", "scipy", "snakemake", PACKAGE)
    return {name: metadata.version(name) for name in names}


def together(*found: Mapping[str, str]) -> dict[str, str]:
    """Versions of several makings as one: of a library that changed between them, every version in order."""
    seen: dict[str, set[str]] = {}
    for one in found:
        for name, version in one.items():
            seen.setdefault(name, set()).update(version.split(SEVERAL))
    return {name: SEVERAL.join(sorted(each)) for name, each in seen.items()}
