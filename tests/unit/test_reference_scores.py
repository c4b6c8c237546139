"""The demo model's answers, item by item, are those that were written down."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def today() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(FIXTURES.parents[1])
        patch.setattr(sys, "path", [str(FIXTURES), *sys.path])
        from reference_scores import reference

        return reference()


@pytest.mark.parametrize("method", ["zero_shot", "few_shot", "probe"])
def test_answers_are_those_of_before(today: dict[str, Any], method: str) -> None:
    before = json.loads((FIXTURES / "reference_scores.json").read_text())
    assert today.keys() == before.keys()
    for asked, answers in before.items():
        assert list(today[asked][method]) == list(answers[method])
        for item, expected in answers[method].items():
            assert today[asked][method][item] == pytest.approx(expected, rel=1e-4, abs=1e-4), (asked, item)
