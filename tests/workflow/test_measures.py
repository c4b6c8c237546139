"""Measures that run models: one job a hardness model, their mean in the hardness table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from conftest import Checkout, shrink


def values(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path).pivot(index="item_id", columns="variable", values="value")


def study(raw: dict[str, Any]) -> None:
    written = raw["datasets"]["road_written"]
    shrink(raw)
    raw["datasets"] = {"road_written": written}
    written["source"]["n_items"] = 60
    written |= {"pools": {"hardness": 10}, "n_test": 12, "unsupervised": "zero_shot_cot"}
    raw["models"]["other"] = {"path": "resources/demo-models/340k", "dtype": "float32"}
    raw["hardness_models"] = ["demo", "other"]
    raw["measures"] = {
        "human": {"kind": "human"},
        "mdl_zero_shot": {"kind": "mdl_zero_shot"},
        "mdl_lora": {"kind": "mdl_lora", "sizes": [4, 8], "boots": 1, "epochs": 1, "min_updates": 1, "r": 2},
        "texts": {"kind": "text_logprob"},
    }
    raw["methods"]["zero_shot_cot"] = {"kind": "icl", "k": 0, "cot": True}
    raw["methods"].pop("zero_shot")
    raw["population"] = [{"dataset": "road_written", "variable": "num_steps", "methods": ["zero_shot_cot"]}]


def test_every_hardness_model_measures_and_the_table_holds_the_mean(checkout: Checkout) -> None:
    target = "results/hardness/road_written.parquet"
    run = checkout.snakemake(target, "--configfile", checkout.configure(study))
    assert run.status == 0, run.output[-4000:]
    wide = values(checkout.folder / target)
    assert np.isfinite(wide.to_numpy()).all()
    texts = {f"{text}_logprob" for text in ("question", "answer", "reasoning")}
    assert set(wide.columns) == {
        "num_steps",
        "mdl_zero_shot",
        "mdl_zero_shot_bits",
        "mdl_lora",
        "mdl_lora_bits",
        *texts,
    }
    assert wide["mdl_lora"].between(0, 1).all()
    folder = checkout.folder / "results/hardness/measures/road_written/texts"
    one, other = (values(folder / f"{model}.parquet")["question_logprob"] for model in ("demo", "other"))
    np.testing.assert_allclose(wide["question_logprob"], ((one + other) / 2).loc[wide.index], rtol=1e-12)
    # Two models did measure.
    assert not one.equals(other)
    # A whole solution costs more the more steps it has; a token of it need not.
    assert wide["mdl_lora_bits"].corr(wide["num_steps"], method="spearman") > 0.5
