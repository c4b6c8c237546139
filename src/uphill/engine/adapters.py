"""LoRA adapters, many fits on one loaded base model, trained and evaluated through the same pass as all scoring."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tqdm import tqdm

from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.packing import Branched, lay_out, plan, shared_prefix
from uphill.engine.scoring import can_pack, choice_logprobs, forward, padded_logprobs
from uphill.engine.tokens import Prompt, encode_items
from uphill.randomness import Key, keyed_rng, keyed_torch_seed


class Adapters:
    """Fresh LoRA adapters on one base model. `loaded` scores with the adapter that is fitted at the moment."""

    def __init__(self, loaded: Loaded, recipe: LoraRecipe) -> None:
        self.loaded = loaded
        self.recipe = recipe
        self._peft: PeftModel | None = None

    @contextmanager
    def fitted(self, prompts: Sequence[Prompt], gold: Sequence[int], key: Sequence[Key]) -> Iterator[Loaded]:
        """Fit an adapter to the gold answer of each prompt; it is gone when the block ends.

        The loss is the mean over items of (Hase et al. 2024, code release)

        * an item with choices: the NLL of the gold one, softmax over the choices' summed log-probabilities;
        * an item with one text, reasoning and answer: minus the summed log-probability of its tokens and of the
          tokenizer's EOS behind them, so that generation learns where to stop.

        Args:
            prompts: training items.
            gold: index of each item's right choice.
            key: decides the initial weights, the dropout and the order of items.
        """
        heads, tails = encode_items(self.loaded, [_ended(self.loaded, prompt) for prompt in prompts])
        packed = can_pack(self.loaded, heads, tails)
        torch.manual_seed(keyed_torch_seed("lora", *key))
        self._add()
        try:
            self._train(heads, tails, gold, key, packed)
            self.loaded.model.eval()
            yield self.loaded
        finally:
            self._drop()

    def _add(self) -> None:
        recipe = self.recipe
        config = LoraConfig(
            r=recipe.r,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=recipe.target_modules,
            task_type="CAUSAL_LM",
        )
        # peft swaps modules inside the base model, so scoring goes on through the same object.
        self._peft = get_peft_model(self.loaded.model, config, low_cpu_mem_usage=False)

    def _drop(self) -> None:
        if self._peft is not None:
            self._peft.unload()
            self._peft = None
        self.loaded.model.eval()

    def _train(
        self,
        heads: list[list[int]],
        tails: list[list[list[int]]],
        gold: Sequence[int],
        key: Sequence[Key],
        packed: bool,
    ) -> None:
        recipe, model = self.recipe, self.loaded.model
        # Padded items are differentiated one by one.
        budget = self.loaded.pack_tokens if packed else 1
        prefix = shared_prefix(heads)
        items = [Branched(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
        steps = list(_batches(len(items), recipe, key))
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, total_iters=max(1, len(steps) - 1))
        model.train()
        for batch in tqdm(steps, desc="fitting LoRA", unit="step", leave=False, disable=None):
            optimiser.zero_grad()
            for pack in plan([items[index].n_tokens for index in batch], budget):
                chosen = [batch[index] for index in pack]
                loss = self._loss(
                    heads[0][:prefix], [items[index] for index in chosen], [gold[index] for index in chosen], packed
                )
                (loss / len(batch)).backward()
            torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
            optimiser.step()
            schedule.step()

    def _loss(self, prefix: list[int], items: list[Branched], gold: list[int], packed: bool) -> torch.Tensor:
        """Summed loss of some items."""
        groups: Sequence[torch.Tensor]
        if packed:
            layout = lay_out(items, start=0, prefix=prefix)
            scores = choice_logprobs(self.loaded, forward(self.loaded, layout, 0, None), layout)
            groups = scores.split([len(item.choices) for item in items])
        else:
            groups = [padded_logprobs(self.loaded, [*prefix, *item.question], item.choices) for item in items]
        return torch.stack([_nll(group, right) for group, right in zip(groups, gold, strict=True)]).sum()


def _ended(loaded: Loaded, prompt: Prompt) -> Prompt:
    """A prompt with one text, with EOS behind the text; any other as it is."""
    if len(prompt.choices) > 1:
        return prompt
    return replace(prompt, choices=[prompt.choices[0] + (loaded.tokenizer.eos_token or "")])


def _nll(scores: torch.Tensor, gold: int) -> torch.Tensor:
    """NLL of an item's gold choice, from the summed log-probability [C] of each; one text competes with none."""
    return -(scores.log_softmax(0) if len(scores) > 1 else scores)[gold]


def _batches(n_items: int, recipe: LoraRecipe, key: Sequence[Key]) -> Iterator[list[int]]:
    """Training rows of each optimiser step: whole epochs, each in an order of its own."""
    per_epoch = -(-n_items // recipe.batch_items)
    epochs = max(recipe.epochs, -(-recipe.min_updates // per_epoch))
    for epoch in range(epochs):
        order = keyed_rng("lora order", *key, epoch).permutation(n_items).tolist()
        yield from (order[first : first + recipe.batch_items] for first in range(0, n_items, recipe.batch_items))
