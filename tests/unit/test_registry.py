"""Rooms whose modules are found by name, and what the type checker reads of them."""

import ast
from pathlib import Path

import pytest

from uphill import registry

LISTED = Path(__file__).parents[1] / "typing/interfaces.py"


@pytest.mark.parametrize(
    ("listed", "room", "needs"),
    [
        ("METHODS", "uphill.methods", "predict"),
        ("MEASURES", "uphill.hardness", "measure"),
        ("SOURCES", "uphill.datasets", "load"),
        ("GRADERS", "uphill.grading", "grade"),
        ("EXPERIMENTS", "uphill.experiments", "arms"),
    ],
)
def test_the_type_checker_sees_every_module(listed: str, room: str, needs: str) -> None:
    assigned = {
        ast.unparse(node.target): node.value
        for node in ast.parse(LISTED.read_text()).body
        if isinstance(node, ast.AnnAssign)
    }
    value = assigned[listed]
    assert isinstance(value, ast.Dict)
    names = {
        ast.literal_eval(key): ast.unparse(module) for key, module in zip(value.keys, value.values, strict=True) if key
    }
    assert names == {name: name for name in registry.names(room, needs)}
