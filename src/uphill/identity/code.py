"""Code of a job: the library's modules that its script imports, by what they say to Python."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import grimp

from uphill.identity.sources import said
from uphill.identity.specs import PACKAGE

SOURCE = Path(__file__).parents[1]
OPERATIONAL = ("uphill.running", "uphill.schemas.files", "uphill.schemas.parquet", "uphill.errors")
"""Rooms and modules that carry results and decide none: an edit of these makes nothing stale."""


@functools.cache
def _graph() -> grimp.ImportGraph:
    """What imports what, without what decides no number, nor what is imported for that alone."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    for module in filter(is_operational, set(graph.modules)):
        graph.remove_module(module)
    return graph


def is_operational(module: str) -> bool:
    """Whether a module of the library decides no number."""
    return any(module == name or module.startswith(f"{name}.") for name in OPERATIONAL)


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
    return {name: _said(path) for name, path in files.items()}


def _said(path: Path) -> str:
    return said(path.read_text()) if path.suffix == ".py" else hashlib.sha256(path.read_bytes()).hexdigest()
