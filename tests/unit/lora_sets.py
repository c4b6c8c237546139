"""Toy training sets for adapters, the plain loss to check against, and what is read of a fitted model.

Importable by the tests beside it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from engine_models import (
    VOCABULARY,
    sequence_logprobs,
    token_ids,
    words,
)
from numpy.typing import NDArray

from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt

# Fast and without dropout, so that a toy set is learned in seconds.
QUICK = LoraRecipe(r=4, dropout=0, lr=0.02, epochs=6, batch_items=8)
GOLD_OF = {"w1": 0, "w2": 1, "w3": 2}


def toy(n_items: int = 24, seed: int = 0) -> tuple[list[Prompt], list[int]]:
    """Items whose right choice follows from the last word of the question."""
    rng = np.random.default_rng(seed)
    last = [str(word) for word in rng.choice(list(GOLD_OF), n_items)]
    prompts = [
        Prompt(f"item-{i}", f"w9 w8 {words(rng, 3)} {word}", ["w30", "w31 w32", "w33"]) for i, word in enumerate(last)
    ]
    return prompts, [GOLD_OF[word] for word in last]


def flat(loaded: Loaded, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
    return np.concatenate([scores.logprob for scores in score(loaded, prompts)])


def loss_and_accuracy(loaded: Loaded, prompts: Sequence[Prompt], gold: Sequence[int]) -> tuple[float, float]:
    logprob = [torch.tensor(scores.logprob).log_softmax(0) for scores in score(loaded, prompts)]
    loss = float(np.mean([-float(found[right]) for found, right in zip(logprob, gold, strict=True)]))
    return loss, float(np.mean([int(found.argmax()) == right for found, right in zip(logprob, gold, strict=True)]))


def weights(loaded: Loaded) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in loaded.model.named_parameters()}


def naive_loss(loaded: Loaded, prompts: Sequence[Prompt], gold: Sequence[int]) -> torch.Tensor:
    """Mean NLL of the gold choices or of the one text, one plain sequence for each."""
    losses = []
    for prompt, right in zip(prompts, gold, strict=True):
        head = token_ids(prompt.text, bos=True)
        if len(prompt.choices) == 1:
            answer = [*token_ids(prompt.choices[0]), VOCABULARY["</s>"]]
            ids = torch.tensor([[*head, *answer]])
            # transformers' own loss, a mean over the labelled tokens.
            labels = torch.tensor([[-100] * len(head) + answer])
            losses.append(loaded.model(input_ids=ids, labels=labels, use_cache=False).loss * len(answer))
            continue
        choices = [sequence_logprobs(loaded.model, head, token_ids(choice))[0].sum() for choice in prompt.choices]
        losses.append(torch.stack(choices).logsumexp(0) - choices[right])
    return torch.stack(losses).mean()
