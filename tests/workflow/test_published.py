"""The four published datasets, from the publishers' files to the population table, with a tiny random model."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ROOT, Checkout, shrink

DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared/data"))
CUTS = {
    "ai2_arc": ("human_grade", 5, 8),
    "mmlu_stem5": ("human_hardness", 0, 1),
    "strategyqa": ("num_steps", 2, 4),
    "gsm8k": ("num_steps", 4, 7),
}
FOLDERS = {"ai2_arc": "arc", "mmlu_stem5": "mmlu_stem", "strategyqa": "strategyqa", "gsm8k": "gsm8k"}


def tiny_model(folder: Path) -> None:
    """One random layer, and a tokenizer to which every word is one token, most of them unknown."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    words = {token: number for number, token in enumerate(["<s>", "</s>", "<unk>", "Answer:", "A:", "Q:", *"ABCD"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=4096,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def study(raw: dict[str, Any]) -> None:
    shrink(raw)
    raw["models"] = {"demo": {"path": "tiny", "dtype": "float32"}}
    raw["measures"].pop("mdl_probe")
    raw["methods"] = {
        "zero_shot": {"kind": "zero_shot"},
        "probe": {"kind": "probe", "n_train": 8},
        "icl": {"kind": "icl", "k": 2},
        "zero_shot_cot": {"kind": "icl", "k": 0, "cot": True},
        "icl_cot": {"kind": "icl", "k": 1, "cot": True},
    }
    raw["splits"] = {"boots": 1, "n_train": 8, "n_test": 12, "min_test": 4}
    raw["datasets"], raw["population"] = {}, []
    for name, (variable, easy_max, hard_min) in CUTS.items():
        generative = name == "gsm8k"
        raw["datasets"][name] = {
            "source": {"kind": name, "folder": str(DATA / FOLDERS[name])},
            "prompt": "0306" if generative or name == "strategyqa" else "0040",
            "cot_prompt": "0305",
            "zero_shot_cot_prompt": "5305" if generative else None,
            "human": [variable],
            "cuts": {variable: {"easy_max": easy_max, "hard_min": hard_min}},
            "pools": {"hardness": 1000 if name in ("ai2_arc", "gsm8k") else 0},
            "unsupervised": "zero_shot_cot" if generative else "zero_shot",
            "max_new_tokens": 4,
        }
        methods = ["zero_shot_cot", "icl_cot"] if generative else ["zero_shot", "probe", "icl"]
        raw["population"].append({"dataset": name, "variable": variable, "methods": methods})


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA}; name their folder in UPHILL_DATA")
def test_from_files_to_the_population_table(checkout: Checkout) -> None:
    tiny_model(checkout.folder / "tiny")
    run = checkout.snakemake("results/tables/population.csv", "--configfile", checkout.configure(study))
    assert run.status == 0, run.output[-4000:]
    counts = {name: len(pd.read_parquet(checkout.folder / f"results/items/{name}.parquet")) for name in CUTS}
    assert counts == {"ai2_arc": 4521, "mmlu_stem5": 1746, "strategyqa": 2290, "gsm8k": 8792}
    table = pd.read_csv(checkout.folder / "results/tables/population.csv", keep_default_na=False, na_values=[""])
    assert set(table["dataset"]) == set(CUTS)
    mmlu = table[table["dataset"] == "mmlu_stem5"]
    assert set(mmlu["train_on"]) == {"none", "easy", "hard"}  # high school and college, no level between
    assert set(table[table["dataset"] == "gsm8k"]["method"]) == {"zero_shot_cot", "icl_cot"}
    assert set(table[table["test_on"] == "all"]["n_test"]) == {12}
