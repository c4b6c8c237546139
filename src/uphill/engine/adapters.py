"""LoRA adapters, many fits on one loaded base model, trained and evaluated through the same pass as all scoring."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tqdm import tqdm

from uphill.engine.loading import Loaded
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.lora_schedule import MicroBatch, schedule
from uphill.engine.merging import refuse_unmerged
from uphill.engine.packing import Branched, lay_out, packs_of, shared_prefix
from uphill.engine.scoring import can_train, choice_logprobs, forward, padded_logprobs
from uphill.engine.token_dropout import TokenDropout, packed_seeds, padded_seeds
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError
from uphill.randomness import Key, keyed_torch_seed
from uphill.running import spending

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Training items of the fit `key`, behind the prefix that they share, and the index of each one's right choice."""

    key: Sequence[Key]
    prefix: list[int]
    items: list[Branched]
    gold: Sequence[int]
    packed: bool


class Adapters:
    """Fresh LoRA adapters on one base model. `loaded` scores with the adapter that is fitted at the moment.

    What the device cannot hold is computed in smaller packs, then one item at a time, then with gradient checkpointing;
    what was learned about the device is kept from fit to fit. A fit is the same in packs of any size, but for rounding:
    dropout is drawn for each token, and a base model that has dropout of its own is fitted without that.

    Attributes:
        dropout: of the adapted maps.
        checkpointing: whether memory was so short that each pass is computed twice.
    """

    def __init__(self, loaded: Loaded, recipe: LoraRecipe) -> None:
        self.loaded = loaded
        self.recipe = recipe
        self._peft: PeftModel | None = None
        self.dropout = TokenDropout(recipe.dropout)
        self._pack_tokens = loaded.pack_tokens
        self.checkpointing = False
        refuse_unmerged(loaded.model, "LoRA")
        _keep_differentiable(loaded.model)

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

        Raises:
            UphillError: the loss is no finite number, or one item alone does not fit the device's memory.
        """
        with self.fit(self.examples(prompts, gold, key)) as loaded:
            yield loaded

    def examples(self, prompts: Sequence[Prompt], gold: Sequence[int], key: Sequence[Key]) -> Examples:
        """The training items of a fit as `fit` takes them; no adapter may be on the model."""
        heads, tails = encode_items(self.loaded, [_ended(self.loaded, prompt) for prompt in prompts])
        packed, prefix = can_train(self.loaded, heads, tails), shared_prefix(heads)
        items = [Branched.of(head[prefix:], choices) for head, choices in zip(heads, tails, strict=True)]
        return Examples(key, heads[0][:prefix], items, gold, packed)

    @contextmanager
    def fit(self, examples: Examples) -> Iterator[Loaded]:
        """As `fitted`, of items that are encoded already."""
        with self.added(examples.key):
            with _dense(self.loaded):
                self._train(examples)
            self.loaded.model.eval()
            yield self.loaded

    @contextmanager
    def added(self, key: Sequence[Key]) -> Iterator[PeftModel]:
        """Put the adapter that a fit starts from on the model; it is gone when the block ends."""
        torch.manual_seed(keyed_torch_seed("lora", *key))
        model = self._add()
        try:
            yield model
        finally:
            self._drop()

    def _add(self) -> PeftModel:
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
        self.dropout.install(self._peft)
        self.loaded.model.eval()
        if self.checkpointing:
            self._checkpoint()
        return self._peft

    def _drop(self) -> None:
        if self._peft is not None:
            self._peft.unload()
            self._peft = None
        if self.checkpointing:
            self.loaded.model.gradient_checkpointing_disable()
        self.loaded.model.eval()

    def _train(self, examples: Examples) -> None:
        planned = schedule(self.recipe, [len(item.choices) for item in examples.items], examples.key)
        weights = [weight for weight in self.loaded.model.parameters() if weight.requires_grad]
        optimiser = self._optimiser(weights)
        steps = tqdm(planned.steps, desc="fitting LoRA", unit="step", leave=False, disable=None)
        for number, step in enumerate(steps):
            for group in optimiser.param_groups:
                group["lr"] = self.recipe.lr * planned.rate(number)
            try:
                self.gradient(examples, step, weights)
            except FloatingPointError as error:
                name = "/".join(map(str, examples.key))
                raise UphillError(
                    f"LoRA fit {name}: the loss is {error} at step {number + 1} of {len(planned.steps)}, "
                    "expected a finite number"
                ) from None
            optimiser.step()

    def _optimiser(self, weights: list[torch.Tensor]) -> torch.optim.Optimizer:
        recipe = self.recipe
        if recipe.schedule == "published" and getattr(self.loaded.model, "is_loaded_in_8bit", False):
            from bitsandbytes.optim.adam import Adam8bit

            return Adam8bit(weights, lr=recipe.lr, weight_decay=recipe.weight_decay)
        return torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=recipe.weight_decay)

    def gradient(self, examples: Examples, step: list[MicroBatch], weights: list[torch.Tensor]) -> None:
        """Leave a step's gradient in the weights, in packs as large as the device holds."""
        while not self._accumulated(examples, step, weights):
            # The failed pass is over and its memory is free; the step begins anew.
            self._back_off(examples, step)

    def _accumulated(self, examples: Examples, step: list[MicroBatch], weights: list[torch.Tensor]) -> bool:
        """Compute a step's gradient; False where the device's memory ends first."""
        for weight in weights:
            weight.grad = None
        try:
            for batch in step:
                for pack in self._packs(examples, batch):
                    with self.dropout.drawn(token_seeds(examples, batch, pack).to(self.loaded.device)):
                        loss = self.loss(examples, pack)
                        if not loss.isfinite():
                            raise FloatingPointError(loss.item())
                        (loss * batch.weight).backward()
                    spending.count("trained", sum(examples.items[row].n_tokens for row in pack))
                torch.nn.utils.clip_grad_norm_(weights, self.recipe.clip)
        except torch.OutOfMemoryError:
            return False
        return True

    def _packs(self, examples: Examples, batch: MicroBatch) -> list[list[int]]:
        """Rows of a micro-batch that go through the model together; padded items go one by one."""
        sizes = [examples.items[row].n_tokens for row in batch.rows]
        budget = self._pack_tokens if examples.packed else 1
        return [[batch.rows[place] for place in pack] for pack in packs_of(sizes, budget)]

    def _back_off(self, examples: Examples, step: list[MicroBatch]) -> None:
        """Find a way to spend less memory on a step than before."""
        packs = [pack for batch in step for pack in self._packs(examples, batch)]
        sizes = [sum(examples.items[row].n_tokens for row in pack) for pack in packs]
        divisible = [size for size, pack in zip(sizes, packs, strict=True) if len(pack) > 1]
        if divisible:
            self._pack_tokens = max(divisible) // 2
            log.warning("out of memory in a LoRA step: packs of at most %d tokens from here on", self._pack_tokens)
        elif not self.checkpointing:
            log.warning("out of memory in a LoRA step with one item: gradient checkpointing from here on")
            self.checkpointing = True
            self._checkpoint()
        else:
            raise UphillError(f"LoRA: an item of {max(sizes)} tokens alone does not fit the device's memory")

    def _checkpoint(self) -> None:
        # Without re-entrance the frozen embeddings need no gradient.
        self.loaded.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        for module in self.loaded.model.modules():
            # It works in training mode alone, which would turn on other modules' own dropout.
            module.training = getattr(module, "gradient_checkpointing", False)

    def loss(self, examples: Examples, rows: list[int]) -> torch.Tensor:
        """Summed loss of some items."""
        items = [examples.items[row] for row in rows]
        groups: Sequence[torch.Tensor]
        if examples.packed:
            layout = lay_out(items, start=0, prefix=examples.prefix)
            scores = choice_logprobs(self.loaded, forward(self.loaded, layout, 0, None), layout)
            groups = scores.split([len(item.choices) for item in items])
        else:
            groups = [padded_logprobs(self.loaded, item.sequences(examples.prefix)) for item in items]
        return torch.stack([_nll(group, examples.gold[row]) for group, row in zip(groups, rows, strict=True)]).sum()


@contextmanager
def _dense(loaded: Loaded) -> Iterator[None]:
    """Train through a dense mask: other ways to attend fill packs up with tokens that nobody asked for."""
    before, loaded.attention = loaded.attention, "dense"
    try:
        yield
    finally:
        loaded.attention = before


def token_seeds(examples: Examples, batch: MicroBatch, rows: list[int]) -> torch.Tensor:
    """Seeds of dropout for the tokens of some items of a micro-batch, in the order that `Adapters.loss` reads them.

    A prefix is read once for all items, so in all packs of a micro-batch it has the same masks.
    """
    items, prefix = [examples.items[row] for row in rows], len(examples.prefix)
    seeds = packed_seeds(keyed_torch_seed("lora dropout", *examples.key, batch.number), prefix, rows, items)
    return seeds if examples.packed else padded_seeds(seeds, prefix, *items)


def _keep_differentiable(model: Any) -> None:
    """Keep bitsandbytes from rearranging 4-bit weights at the first scoring pass, as it does on CPUs with AVX512-BF16.

    Gradients do not pass the rearranged weights, without a word, and their scales are rounded.
    """
    for module in model.modules():
        if getattr(module, "support_avx512bf16_for_cpu", False):
            if getattr(getattr(module.weight, "quant_state", None), "packing_format_for_cpu", False):
                raise UphillError("LoRA: this CPU has scored with the 4-bit model already, expected one just loaded")
            module.support_avx512bf16_for_cpu = False


def _ended(loaded: Loaded, prompt: Prompt) -> Prompt:
    """A prompt with one text, with EOS behind the text; any other as it is."""
    if len(prompt.choices) > 1:
        return prompt
    return replace(prompt, choices=[prompt.choices[0] + (loaded.tokenizer.eos_token or "")])


def _nll(scores: torch.Tensor, gold: int) -> torch.Tensor:
    """NLL of an item's gold choice, from the summed log-probability [C] of each; one text competes with none."""
    return -(scores.log_softmax(0) if len(scores) > 1 else scores)[gold]
