"""A study has one experiment or more, whichever: its tables, their prints, the report and `show` follow it."""

from typing import Any

import pytest
from conftest import Checkout, shrink
from copies import fresh

from uphill.running.provenance import read_table

DIAL = {"dataset": "dial", "variable": "num_steps"}
BAND = {**DIAL, "level": "hard"}
ALONE: dict[str, Any] = {
    "population": [DIAL | {"methods": ["probe"], "train_on": ["easy", "easy+medium", "easy+medium+hard"]}],
    "all_to_all": [{"dataset": "dial", "methods": ["probe"]}],
    "learning_curves": [DIAL | {"sizes": {"probe": [4, 8]}}],
    "noisy_labels": [DIAL | {"methods": ["probe"], "noise": [0, 0.5]}],
    "quantization": [{"dataset": "dial", "methods": ["probe"], "pairs": {"demo": "twin"}}],
    "ladders": {"climb": {"test": BAND, "train": {"low": DIAL | {"level": "easy"}}, "methods": ["probe"]}},
    "cross_difficulty": [DIAL | {"methods": ["probe"], "train_on": ["easy", "medium", "hard", "easy+hard"]}],
}
SHOWN = {
    "all_to_all": "Accuracy on all test items",
    "quantization": "no table of levels is made, expected one; look at results/tables/quantization.csv",
}
UNANSWERED = ("all_to_all", "quantization")
"""Experiments in which nothing is trained on easier items than are tested."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """One checkout for every experiment, so that each makes what is its own alone."""
    return Checkout(fresh(tmp_path_factory.mktemp("alone") / "checkout"))


PUSHED = ("quantization", "cross_difficulty")
"""On each push, one without levels and one with them; the night runs all."""


@pytest.mark.parametrize(
    "experiment", [pytest.param(name, marks=() if name in PUSHED else pytest.mark.nightly) for name in ALONE]
)
def test_any_experiment_is_a_study(experiment: str, shared: Checkout) -> None:
    def alone(raw: dict[str, Any]) -> None:
        shrink(raw)
        for other in ALONE:
            raw.pop(other, None)
        raw[experiment] = ALONE[experiment]
        if experiment == "quantization":
            raw["models"]["twin"] = raw["models"]["demo"] | {"dtype": "bfloat16"}

    run = shared.snakemake("--configfile", shared.configure(alone))
    assert run.status == 0, run.output[-4000:]
    if experiment in ("population", "cross_difficulty"):
        trained = read_table(shared.folder / f"results/tables/{experiment}.csv")["train_on"]
        assert set(trained) == {"none", *ALONE[experiment][0]["train_on"]}
    table = "climb" if experiment == "ladders" else experiment
    assert (shared.folder / f"results/tables/wide/{table}.csv").is_file()
    page = (shared.folder / "results/report.html").read_text()
    assert f'id="table-{table}"' in page
    assert ("trains on easier items than it tests" in page) == (experiment in UNANSWERED)
    shown = shared.uphill("show", "--configfile", "mine.yaml").output
    assert SHOWN.get(experiment, "Accuracy on the hardest test items") in shown
    assert ("dial by" in shown) == (experiment != "quantization")
