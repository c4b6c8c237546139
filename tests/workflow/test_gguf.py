"""A model in a GGUF file: converted by a job of its own, and known by what the file holds."""

from pathlib import Path
from typing import Any

import gguf_writing
import pandas as pd
from conftest import Checkout, shrink

CONVERTING, TARGET = "Converting the GGUF file of tiny", "results/predictions/zero_shot/tiny/dial.parquet"


def study(raw: dict[str, Any]) -> None:
    shrink(raw)
    raw["models"] = {"tiny": {"gguf": "tiny.gguf", "dtype": "float32"}}
    raw["hardness_models"] = raw["test_models"] = ["tiny"]
    raw["measures"] = {"human": {"kind": "human"}}
    raw["methods"] = {"zero_shot": {"kind": "zero_shot"}}
    raw["population"] = [{"dataset": "dial", "variable": "num_steps", "methods": ["zero_shot"]}]


def write(folder: Path, **keys: Any) -> None:
    # As long as the demo's questions, byte by byte.
    gguf_writing.write(folder / "tiny.gguf", gguf_writing.model(), keys={"llama.context_length": 2048, **keys})


def test_a_file_is_converted_once_and_what_it_holds_makes_its_readers_stale(checkout: Checkout) -> None:
    write(checkout.folder)
    config = checkout.configure(study)
    run = checkout.snakemake(TARGET, "--configfile", config)
    assert run.status == 0, run.output[-4000:]
    assert run.jobs.count(CONVERTING) == 1
    assert len(pd.read_parquet(checkout.folder / TARGET)) > 0
    again = checkout.snakemake(TARGET, "--configfile", config)
    assert again.jobs == [], again.output[-4000:]
    write(checkout.folder, **{"llama.rope.freq_base": 6000.0})
    other = checkout.snakemake(TARGET, "--configfile", config, "-n")
    expected = {CONVERTING, "Zero-shot pass of tiny over dial", "zero_shot with tiny on dial"}
    assert set(other.jobs) == expected, other.output[-4000:]
    why = checkout.uphill("why", "--configfile", config, TARGET)
    assert "models.tiny.gguf" in why.output


def test_a_file_that_is_none_is_one_line_before_anything_runs(checkout: Checkout) -> None:
    config = checkout.configure(study)
    missing = checkout.snakemake(TARGET, "--configfile", config)
    assert missing.status != 0
    assert "models.tiny: gguf is 'tiny.gguf': cannot be read" in missing.output
    (checkout.folder / "tiny.gguf").write_bytes(b"PK\x03\x04")
    other = checkout.snakemake(TARGET, "--configfile", config)
    assert other.status != 0
    assert "models.tiny: gguf is 'tiny.gguf', which begins with" in other.output
