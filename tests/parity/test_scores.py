"""Multiple-choice scores of real ARC items against transformers alone, one unpadded sequence for each choice.

The files are in the folder that `UPHILL_DATA` names, or in `../shared/data`; without them these tests are skipped.
"""

import dataclasses
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from uphill.datasets import ai2_arc
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.methods.context import question_of
from uphill.prompts.templates import published

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo-models" / "1280k"
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data")) / "arc"
COUNT = 40
# Answers are sums of some tens of nats in float32, whose last place is 4e-6 there; kernels that add in another order
# are off by some tens of those. A wrong mask, position or token moves scores by far more (`test_it_would_show`).
NATS = 1e-4

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no published files in {DATA} (set UPHILL_DATA)")

SIZE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 1024,
    # Far above the usual 0.02: attention is sharp, so that a wrong mask or position moves scores.
    "initializer_range": 0.3,
}
KINDS = {"llama": (LlamaForCausalLM, LlamaConfig), "mistral": (MistralForCausalLM, MistralConfig)}


@pytest.fixture(scope="module", params=["demo", "llama", "mistral"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model, or a random one with a vocabulary of ARC's own words."""
    if request.param == "demo":
        return DEMO
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    made = tmp_path_factory.mktemp(request.param)
    splitter = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    texts = [text for row in rows().itertuples() for text in (row.question, *row.choices)]
    words = {
        word for text in [*texts, "Question: Answer: A) B) C) D) E)"] for word, _ in splitter.pre_tokenize_str(text)
    }
    vocabulary = {token: number for number, token in enumerate(["<s>", "</s>", "<unk>", *sorted(words)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = splitter
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(made)
    model, config = KINDS[request.param]
    torch.manual_seed(0)
    model(config(vocab_size=len(vocabulary), bos_token_id=0, eos_token_id=1, **SIZE)).save_pretrained(made)
    return made


def rows() -> pd.DataFrame:
    """The items that are asked, then three that are shown, spread over the file."""
    items = ai2_arc.load(ai2_arc.Settings(folder=DATA)).sort_values("item_id", ignore_index=True)
    return items.iloc[np.linspace(0, len(items) - 1, COUNT + 3).astype(int)]


def prompts(shots: int) -> list[Prompt]:
    form, questions = published("0040"), [question_of(row) for row in rows().to_dict("records")]
    shown = [form.example(question) for question in questions[COUNT : COUNT + shots]]
    return [
        Prompt(str(number), form.prompt(question, shown), question.choices)
        for number, question in enumerate(questions[:COUNT])
    ]


def opened(folder: Path) -> Loaded:
    entry = {"path": str(folder), "dtype": "float32", "quantization": "none", "trust_remote_code": False}
    return load({**entry, "answers": "apart", "bos": "always"}, pack_tokens=1024)


@torch.no_grad()
def plain(folder: Path, asked: list[Prompt]) -> list[list[float]]:
    """Spec 7.4 and 7.5 by the book, and by nothing of this library."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    scores = []
    for prompt in asked:
        head = [tokenizer.bos_token_id, *tokenizer(prompt.text, add_special_tokens=False)["input_ids"]]
        own = []
        for choice in prompt.choices:
            answer = tokenizer(choice, add_special_tokens=False)["input_ids"]
            logits = model(torch.tensor([head + answer]), use_cache=False).logits[0]
            logprob = torch.log_softmax(logits.float(), dim=-1)
            own.append(sum(logprob[len(head) - 1 + place, token].item() for place, token in enumerate(answer)))
        scores.append(own)
    return scores


@pytest.mark.parametrize("shots", [0, 3])
def test_scores_are_those_of_one_sequence_a_choice(folder: Path, shots: int) -> None:
    asked, loaded = prompts(shots), opened(folder)
    found = [scores.logprob for scores in score(loaded, asked)]
    assert loaded.packed, "the packed path was not taken"
    expected = plain(folder, asked)
    for own, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, right, rtol=0, atol=NATS)
    decided = [(own, right) for own, right in zip(found, expected, strict=True) if margin(right) > 2 * NATS]
    assert [int(own.argmax()) for own, _ in decided] == [int(np.argmax(right)) for _, right in decided]
    # The demo model does not know most words of ARC, and choices of as many unknown words tie exactly.
    assert len(decided) >= (COUNT / 4 if folder == DEMO else COUNT)


def margin(scores: list[float]) -> float:
    """Nats between the best choice and the next."""
    second, best = sorted(scores)[-2:]
    return best - second


def test_it_would_show(folder: Path) -> None:
    """Another question in the place of an item's own moves its scores far beyond the tolerance."""
    asked = prompts(0)
    swapped = [dataclasses.replace(prompt, text=other.text) for prompt, other in pairwise(asked)]
    moved = [
        np.abs(scores.logprob - right).max()
        for scores, right in zip(score(opened(folder), swapped), plain(folder, asked[:-1]), strict=True)
    ]
    assert np.median(moved) > 100 * NATS
