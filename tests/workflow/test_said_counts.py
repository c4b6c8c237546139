"""The counts of jobs that the documents give are those of the study."""

import re

import pytest
from conftest import ROOT
from demo_edits import EDITS
from demo_graph import graph, predictions, stale

from uphill.planning.study import read_study

ALL = pytest.param("demo-all", "config/demo-all.yaml", marks=pytest.mark.nightly)


@pytest.mark.parametrize(("target", "config"), [("demo", "config/config.yaml"), ALL])
def test_make_says_how_many_jobs_it_runs(target: str, config: str) -> None:
    [said] = re.findall(rf"^{target}: .*?some (\d+) jobs", (ROOT / "Makefile").read_text(), re.MULTILINE | re.DOTALL)
    assert int(said) == pytest.approx(len(read_study(ROOT / config).jobs), abs=5)


def test_staleness_says_what_the_edit_of_its_example_reruns() -> None:
    text = (ROOT / "docs/staleness.md").read_text()
    made = stale(graph(ROOT), predictions("lora"))
    assert f"\n{len(made)} jobs would run.\n\nmethods.lora.lr: 0.002 -> 0.003\n  lora with demo on dial\n" in text
    assert f"\n  and {len(made) - 1} jobs downstream of it\n" in text
    assert "some seventy edits" in text
    assert len(EDITS) == pytest.approx(70, abs=5)
