"""Measures that run a model: LoRA code lengths and text log-probabilities, against plain passes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engine_models import VOCABULARY, sequence_logprobs, tiny, token_ids, words
from texts_read import texts_read

from uphill.engine.adapters import Adapters
from uphill.engine.asking import ask
from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.passes import softmax
from uphill.engine.scoring import score
from uphill.hardness import mdl_lora, text_logprob
from uphill.hardness.data import Graded, OnModel
from uphill.hardness.description_length import fit_key, training_items
from uphill.prompts.forms import shipped
from uphill.running.parts import Parts
from uphill.schemas.measures import MEASURE

SHORT, REASONED = shipped().form("0306"), shipped().form("0305")
QUICK = {"r": 2, "dropout": 0, "lr": 0.02, "epochs": 2, "batch_items": 4}
COUNT, POOL = 16, 8
# Float32 rounding of sums over some ten tokens, through one pack or another.
NATS = 1e-3


def items(generative: bool) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    choices = [[words(rng, 2) for _ in range(int(rng.integers(2, 4)))] for _ in range(COUNT)]
    gold = [int(rng.integers(len(texts))) for texts in choices]
    return pd.DataFrame(
        {
            "question": [words(rng, int(rng.integers(3, 7))) for _ in range(COUNT)],
            "choices": [[]] * COUNT if generative else choices,
            "answer_idx": pd.array([None] * COUNT if generative else gold, dtype="Int64"),
            "answer_text": [texts[right] for texts, right in zip(choices, gold, strict=True)],
            "reasoning": [words(rng, 5) if number % 4 else "" for number in range(COUNT)],
            "pool": ["hardness" if number < POOL else "experiment" for number in range(COUNT)],
        },
        index=pd.Index([f"i{number:02d}" for number in range(COUNT)], name="item_id"),
    )


def on_model(folder: Path, loaded: Loaded, generative: bool = False) -> OnModel:
    graded = Graded("d", (), generative, POOL)
    return OnModel(graded, items(generative), 0, SHORT, REASONED, lambda: loaded, Parts(folder / "parts", MEASURE))


def column(rows: pd.DataFrame, variable: str) -> pd.Series:
    return rows[rows["variable"] == variable].set_index("item_id")["value"]


@pytest.mark.parametrize("generative", [False, True])
def test_lora_mdl_is_that_of_fits_made_one_by_one(generative: bool, tmp_path: Path) -> None:
    loaded = tiny("llama")
    data = on_model(tmp_path, loaded, generative)
    settings = mdl_lora.Settings(**QUICK, sizes=[6, 3], boots=2)
    rows = mdl_lora.measure("mdl", settings, data)
    prompts = ask(data.items, SHORT, REASONED)
    gold = data.items["answer_idx"].fillna(0).astype(int).tolist()
    first = [
        len(prompt.choices[0].split()) * np.log2(len(VOCABULARY)) if generative else np.log2(len(prompt.choices))
        for prompt in prompts
    ]
    p, bits = [], []
    for boot in range(2):
        sent, alone = 0.0, np.array(first)
        for size, block in ((3, 3), (6, POOL - 6)):
            chosen = data.items.loc[training_items(data, size, boot)]
            right = chosen["answer_idx"].fillna(0).astype(int).tolist()
            adapters = Adapters(loaded, LoraRecipe(**QUICK))
            with adapters.fitted(ask(chosen, SHORT, REASONED), right, fit_key(data, size, boot)) as fitted:
                scores = list(score(fitted, prompts))
            if generative:
                nats = np.array([found.logprob[0] for found in scores])
                p.append(np.exp(nats / np.array([found.n_tokens[0] for found in scores])))
            else:
                p.append(np.array([softmax(found.logprob)[place] for found, place in zip(scores, gold, strict=True)]))
                nats = np.log(p[-1])
            sent = sent + block * -nats / np.log(2)
            # An item of the pool is sent once, by the last model before its place.
            order = training_items(data, POOL, boot)
            later = np.array([item in order and order.index(item) >= size for item in data.items.index])
            alone = np.where(later, -nats / np.log(2), alone)
        bits.append(np.where(data.items["pool"] == "hardness", alone, (3 * np.array(first) + sent) / POOL))
    np.testing.assert_allclose(column(rows, "mdl"), 1 - np.mean(p, 0), atol=NATS)
    np.testing.assert_allclose(column(rows, "mdl_bits"), np.mean(bits, 0), atol=NATS * 10)
    assert set(rows["kind"]) == {"model"}


def test_finished_fits_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny("llama")
    data = on_model(tmp_path, loaded)
    settings = mdl_lora.Settings(**QUICK, sizes=[3, 6], boots=1)
    fits = mdl_lora._fits(settings, [3, 6], data)
    next(fits)
    fits.close()
    made: list[int] = []
    train = Adapters._train

    def counted(self: Adapters, examples: Any) -> None:
        made.append(len(examples.items))
        train(self, examples)

    monkeypatch.setattr(Adapters, "_train", counted)
    resumed = mdl_lora.measure("mdl", settings, data)
    assert made == [6]
    whole = mdl_lora.measure("mdl", settings, on_model(tmp_path / "whole", loaded))
    pd.testing.assert_frame_equal(resumed, whole)


@pytest.mark.parametrize("bos", [True, False])
def test_texts_are_scored_alone_behind_the_start(bos: bool, tmp_path: Path) -> None:
    loaded = tiny("llama", bos=bos)
    data = texts_read(loaded, items(False), text_logprob.READS_TEXTS, tmp_path)
    rows = text_logprob.measure("texts", text_logprob.Settings(), data)
    # Without a BOS token a line break stands before the text.
    start = token_ids("", bos=True) if bos else [VOCABULARY["\n"]]
    for variable, texts in (("question", "question"), ("answer", "answer_text"), ("reasoning", "reasoning")):
        found = column(rows, f"{variable}_logprob")
        for item, text in data.items[texts].items():
            nats = sequence_logprobs(loaded.model, start, token_ids(text))[0].sum().item() if text else 0.0
            assert found[item] == pytest.approx(-nats, abs=NATS)
