"""A module's source without what says nothing to Python: comments, docstrings and blank lines.

Taken from the text and not from a syntax tree's dump, whose form changes between versions of Python.
"""

import ast
import io
import tokenize
from collections import deque
from collections.abc import Iterator

_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_Documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_Holding = (ast.stmt, ast.excepthandler, ast.match_case)
"""Nodes in which statements stand: no class or function is defined within an expression."""


def bare(source: str) -> str:
    """`source` with its comments, docstrings and blank lines left out, all else to the letter.

    Raises:
        SyntaxError: it is no Python.
    """
    lines = source.splitlines()
    for first, start, last, end in _docstrings(source):
        before, behind = _characters(lines[first], start), _characters(lines[last], end)
        lines[first : last + 1] = [lines[first][:before] + lines[last][behind:], *[""] * (last - first)]
    kept: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
        elif token.type not in _SILENT:
            # Blank lines within a text are the text's own.
            kept.update(range(token.start[0] - 1, token.end[0]))
    return "".join(f"{lines[number]}\n" for number in sorted(kept))


def _docstrings(source: str) -> list[tuple[int, int, int, int]]:
    """First line, first byte, last line and end byte of each docstring, lines from 0."""
    found = []
    for node in _statements(source):
        if isinstance(node, _Documented) and node.body and isinstance(node.body[0], ast.Expr):
            text = node.body[0].value
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found.append((text.lineno - 1, text.col_offset, (text.end_lineno or 1) - 1, text.end_col_offset or 0))
    return found


def _statements(source: str) -> Iterator[ast.AST]:
    """The module and all statements in it, without the many more expressions."""
    left: deque[ast.AST] = deque([ast.parse(source)])
    while left:
        node = left.popleft()
        left.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, _Holding))
        yield node


def _characters(line: str, offset: int) -> int:
    """The place of a byte of a line's UTF-8."""
    return len(line.encode()[:offset].decode())
