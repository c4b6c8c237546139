"""Two checkouts that share a cache: the second runs no model, and a changed spec is never served an old result."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Checkout, shrink
from copies import fresh

HARDNESS = "results/hardness/dial.parquet"
COSTLY = ("responses/demo/dial.log", "hardness/dial/mdl_zero_shot/demo.log", "hardness/dial/mdl_probe/demo.log")


def small(raw: dict[str, Any]) -> None:
    """Zero-shot responses in two shards, and the measures that rest on them."""
    shrink(raw)
    raw["responses"] = {"shards": 2}


def taken(checkout: Checkout) -> list[bool]:
    """Of each costly job, whether its log says that its results were taken from the cache."""
    logs = [(checkout.folder / "results/logs" / name).read_text() for name in COSTLY]
    return ["no model is loaded" in log for log in logs]


def results(checkout: Checkout) -> dict[str, bytes]:
    return {path: (checkout.folder / path).read_bytes() for path in checkout.made() if "/.parts" not in path}


def test_a_second_checkout_runs_no_model(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPHILL_CACHE", str(tmp_path / "shared"))
    other = Checkout(fresh(tmp_path / "other"))
    for here, expected in ((checkout, [False] * 3), (other, [True] * 3)):
        run = here.snakemake(HARDNESS, "--configfile", here.configure(small))
        assert run.status == 0, run.output[-3000:]
        assert taken(here) == expected
    assert results(other) == results(checkout)

    def changed(raw: dict[str, Any]) -> None:
        small(raw)
        raw["measures"]["mdl_probe"]["boots"] = 2

    run = other.snakemake(HARDNESS, "--configfile", other.configure(changed))
    assert run.status == 0, run.output[-3000:]
    assert run.jobs == ["Hardness of dial, with levels", "Hardness of dial: mdl_probe by demo"]
    assert taken(other) == [True, True, False]
    before, after = (
        results(here)["results/hardness/measures/dial/mdl_probe/demo.parquet"] for here in (checkout, other)
    )
    assert before != after
