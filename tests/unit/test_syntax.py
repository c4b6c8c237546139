"""A module's source without what says nothing to Python."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from uphill.identity.syntax import bare

SOURCE = '''
"""What it is for."""

import os  # for paths


class Kept:
    """A thing."""

    size: int = 3
    """How large."""

    def area(self) -> int:
        """Its area."""
        # Squared.
        return self.size**2  # of course


TEXT = """one

# no comment
two"""
'''
SAME = [
    ("a comment", lambda s: s.replace("# Squared.", "# Multiplied by itself.")),
    ("no comment", lambda s: s.replace("  # of course", "").replace("        # Squared.\n", "")),
    ("a docstring", lambda s: s.replace("Its area.", "Its area, ä\n\n        in squares.")),
    ("no docstring", lambda s: s.replace('    """A thing."""\n', "")),
    ("the module's docstring", lambda s: s.replace("What it is for.", "Nothing.")),
    ("blank lines", lambda s: s.replace("\n\n\nclass", "\n\nclass")),
    ("line ends", lambda s: s.replace("\n", "\r\n")),
]
OTHER = [
    ("a number", lambda s: s.replace("= 3", "= 4")),
    ("a name", lambda s: s.replace("area", "surface")),
    ("a text", lambda s: s.replace("two", "three")),
    ("a hash in a text", lambda s: s.replace("# no comment", "# a comment")),
    ("a blank line in a text", lambda s: s.replace("one\n\n#", "one\n#")),
]


@pytest.mark.parametrize("edit", [edit for _, edit in SAME], ids=[name for name, _ in SAME])
def test_what_says_nothing_is_left_out(edit: Callable[[str], str]) -> None:
    assert edit(SOURCE) != SOURCE
    assert bare(edit(SOURCE)) == bare(SOURCE)


@pytest.mark.parametrize("edit", [edit for _, edit in OTHER], ids=[name for name, _ in OTHER])
def test_what_says_something_stays(edit: Callable[[str], str]) -> None:
    assert bare(edit(SOURCE)) != bare(SOURCE)


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("src/uphill/**/*.py")), ids=lambda path: path.stem
)
def test_every_module_says_the_same_to_python(path: Path) -> None:
    """Oracle: the syntax trees, documentation apart, are equal."""
    source = path.read_text()
    assert _tree(bare(source)) == _tree(source)


def _tree(source: str) -> str:
    # A body that was documentation alone has nothing left.
    tree = _Undocumented().visit(ast.parse(_filled(source)))
    return ast.dump(tree)


def _says_nothing(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


class _Undocumented(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list):
            node.body = [each for each in node.body if not _says_nothing(each)]  # type: ignore[attr-defined]
        return node


def _filled(source: str) -> str:
    """`source` with `pass` below every header, so that a body without its docstring still parses."""
    filled = []
    for line in source.split("\n"):
        filled.append(line)
        if line.endswith(":") and line.lstrip().startswith(("class ", "def ", "async def ")):
            filled.append(" " * (len(line) - len(line.lstrip()) + 4) + "pass")
    return "\n".join(filled)
