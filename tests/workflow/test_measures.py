"""Measures that run models: one job a hardness model, their mean in the hardness table."""

from typing import Any

import numpy as np
import pandas as pd
from conftest import Checkout, shrink


def study(raw: dict[str, Any]) -> None:
    written = raw["datasets"]["road_written"]
    shrink(raw)
    raw["datasets"]["road_written"] = written
    written["source"]["n_items"] = 60
    written |= {"hardness_pool": 10, "n_test": 12, "unsupervised": "zero_shot_cot"}
    raw["models"]["other"] = {"path": "resources/demo-model", "dtype": "bfloat16"}
    raw["hardness_models"] = ["demo", "other"]
    raw["hardness"] = {
        "human": {"measure": "human"},
        "mdl_zero_shot": {"measure": "mdl_zero_shot"},
        "mdl_lora": {"measure": "mdl_lora", "sizes": [4, 8], "boots": 1, "epochs": 1, "min_updates": 1, "r": 2},
        "texts": {"measure": "text_logprob"},
    }
    raw["methods"]["zero_shot_cot"] = {"kind": "icl", "k": 0, "cot": True}
    raw["population"].append({"dataset": "road_written", "variable": "num_steps", "methods": ["zero_shot_cot"]})


def test_every_hardness_model_measures_and_the_table_holds_the_mean(checkout: Checkout) -> None:
    names = ("dial", "road_written")
    targets = [f"results/hardness/{name}.parquet" for name in names]
    run = checkout.snakemake(*targets, "--configfile", checkout.configure(study))
    assert run.status == 0, run.output[-4000:]
    for name in names:
        table = pd.read_parquet(checkout.folder / f"results/hardness/{name}.parquet")
        wide = table.pivot(index="item_id", columns="variable", values="value")
        assert np.isfinite(wide.to_numpy()).all()
        expected = {"mdl_zero_shot", "mdl_lora", "mdl_lora_bits", "question_logprob", "answer_logprob", "reasoning_logprob"}
        assert expected <= set(wide.columns)
        assert wide["mdl_lora"].between(0, 1).all()
        parts = [
            pd.read_parquet(checkout.folder / f"results/hardness/measures/{name}/texts/{model}.parquet")
            for model in ("demo", "other")
        ]
        one, other = (part.pivot(index="item_id", columns="variable", values="value") for part in parts)
        mean = (one["question_logprob"] + other["question_logprob"]) / 2
        np.testing.assert_allclose(wide["question_logprob"], mean.loc[wide.index], rtol=1e-12)
        # Half precision rounds, so two models did measure.
        assert not one["question_logprob"].equals(other["question_logprob"])
    written = pd.read_parquet(checkout.folder / "results/hardness/road_written.parquet")
    wide = written.pivot(index="item_id", columns="variable", values="value")
    # A whole solution costs more the more steps it has; a token of it need not.
    assert wide["mdl_lora_bits"].corr(wide["num_steps"], method="spearman") > 0.5
