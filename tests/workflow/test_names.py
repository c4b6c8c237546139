"""Names from the config to the page: each file has one maker, and a name that looks like a number stays a name."""

import re
from typing import Any

from conftest import JOB, Checkout, shrink

from uphill.running.provenance import read_table


def strange(raw: dict[str, Any]) -> None:
    """A study, a dataset, a model and a method whose names readers of tables take for numbers or for nothing."""
    shrink(raw)
    raw["study"] = "0x10"
    raw["datasets"] = {"007": raw["datasets"]["dial"]}
    raw["models"] = {"1e5": raw["models"]["demo"]}
    raw["methods"] = {"zero_shot": {"kind": "zero_shot"}, "NA": {"kind": "probe", "n_train": 8}}
    raw["hardness_models"] = raw["test_models"] = ["1e5"]
    raw["population"] = [{"dataset": "007", "variable": "num_steps", "methods": ["zero_shot", "NA"]}]


def test_names_that_look_like_numbers_reach_tables_figures_and_terminal(checkout: Checkout) -> None:
    config = checkout.configure(strange)
    run = checkout.snakemake(
        *("results/0x10/tables/wide/population.csv", "results/0x10/figures/population.png", "--logger", "uphill"),
        *("--configfile", config),
    )
    assert run.status == 0, run.output[-3000:]
    told = re.findall(r"^(\w[\w -]*\w) +(\d+) of (\d+) ", run.output, re.MULTILINE)
    ended = {stage: (int(done), int(total)) for stage, done, total in told}
    stages = ["questions", "zero-shot passes", "hardness", "splits", "predictions", "grades", "tables", "figures"]
    assert list(ended) == stages
    assert all(done == total for done, total in ended.values())
    [log] = (checkout.folder / ".snakemake/log").glob("*.log")
    jobs = len(JOB.findall(log.read_text()))
    assert sum(total for _, total in ended.values()) == jobs, "the log has every job, as without --logger"
    assert not JOB.findall(run.output)
    table = read_table(checkout.folder / "results/0x10/tables/population.csv")
    assert {name: set(table[name]) for name in ("dataset", "model", "method")} == {
        **{"dataset": {"007"}, "model": {"1e5"}},
        "method": {"zero_shot", "NA"},
    }
    assert (table["gain"].notna() == (table["method"] == "NA")).all()
    wide = (checkout.folder / "results/0x10/tables/wide/population.csv").read_text()
    assert "1e5,007," in wide
    shown = checkout.uphill("show", "--configfile", config).output
    assert "007 by num_steps, 1e5" in shown
    assert "NA, 8 items" in shown
    others = {path.name for path in (checkout.folder / "results").iterdir()}
    assert others == {"0x10"}, "a study that has a name makes all that it makes under it"
    behind = checkout.uphill("show", "cell", "quantization", "--configfile", config)
    assert behind.errors == [
        "error: results/0x10/tables/quantization.csv: no such file; run the workflow again to have it made"
    ]
