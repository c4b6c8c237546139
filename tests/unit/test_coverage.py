"""A slice of benchmarks/coverage.py: intervals hold the truth as often as they say, in studies of which it is known."""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

STUDIES = 300
TOLERANCE = 3.5 * math.sqrt(0.95 * 0.05 / STUDIES)
"""Three and a half standard errors of a share of .95 among so many studies: four points and a half."""


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks/coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "cell",
    [
        ("crossed", 80, 3, 0.6, 0.8),
        ("crossed", 240, 5, 0.2, 0.5),
        ("crossed", 30, 3, 0.0, 0.97),
        ("nested", 80, 5, 0.6, 0.8),
        ("clusters", 80, 3, 0.2, 0.8),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(coverage: ModuleType, cell: tuple[object, ...]) -> None:
    found = coverage.measured(coverage.Cell(*cell), STUDIES, published=0)
    for name in ("accuracy", "gain", "hard_easy", "sgr", "pgr"):
        assert found[name] >= 0.95 - TOLERANCE, name
    assert found["false"] <= 0.05 + TOLERANCE


def test_draws_that_work_or_fail_find_no_difference_by_mistake(coverage: ModuleType) -> None:
    """One draw of three works. Three of them cannot tell the mean, and must not tell a difference where none is."""
    found = coverage.measured(coverage.Cell("luck", 80, 3, 0.0, 0.85), STUDIES, published=0)
    assert found["false"] <= 0.05 + TOLERANCE
    assert found["accuracy"] < 0.9


def test_the_published_bootstrap_of_few_draws_does_not(coverage: ModuleType) -> None:
    found = coverage.measured(coverage.Cell("crossed", 240, 3, 0.6, 0.5), STUDIES, published=STUDIES)
    assert found["published"] < 0.93 < found["hard_easy"]
