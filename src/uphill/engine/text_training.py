"""Fine-tuning on answers' tokens, all weights or a LoRA adapter: many fits on one loaded model, by transformers.

A fit that was stopped goes on from its last checkpoint, and ends with the same weights (on a CPU: the same bytes). All
weights of a model that is spread over several GPUs are fitted by as many processes (`uphill.engine.ranks`).
"""

import gc
import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import GenerationConfig, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from uphill.engine.attention import attending
from uphill.engine.loading import Loaded
from uphill.engine.merging import refuse_unmerged
from uphill.engine.packing import cut
from uphill.engine.ranks import fit_in_ranks, ranks_for
from uphill.engine.scoring import can_pack_texts
from uphill.engine.text_examples import Example, examples, order
from uphill.engine.text_packs import NAME, collator
from uphill.engine.text_recipe import TextRecipe
from uphill.engine.tokens import Prompt
from uphill.engine.trainer import KEPT_EVERY, InOrder, Keeper, answer_loss, arguments, losses
from uphill.errors import UphillError
from uphill.randomness import Key, keyed_torch_seed
from uphill.running import spending
from uphill.running.leftovers import finish, resume
from uphill.running.noting import CUT, note

log = logging.getLogger(__name__)
FUSED = "adamw_torch_fused"
"""The same AdamW but for rounding, in one pass over weights, gradients and state, which is all that bounds it."""


@dataclass(frozen=True)
class Training:
    """What a fit did.

    Attributes:
        updates: optimiser steps.
        tokens: tokens read, padding left out.
        loss: mean over the answers' tokens of each update.
        cut: texts whose end did not fit.
    """

    updates: int
    tokens: int
    loss: list[float]
    cut: int


class TextFits:
    """Fits on one base model, each from its weights as they were loaded. What is learned of memory is kept.

    Args:
        loaded: the base.
        recipe: of all fits.
        outputs: what is saved inside the block of a fit, if that is a job's whole work: then a fit's checkpoints stay
            until nothing can take that away any more.
        ranks: processes that share a fit of all weights; by itself, one a GPU of the model, as far as they divide the
            items of an update.
        packed: whether the texts of a pass lie in one row, without padding, where that is right for the model; by
            itself, on a GPU. Else, and on a CPU, they lie side by side.
    """

    def __init__(
        self,
        loaded: Loaded,
        recipe: TextRecipe,
        ranks: int | None = None,
        outputs: Sequence[Path] = (),
        packed: bool | None = None,
    ) -> None:
        if recipe.adapter is None and getattr(loaded.model, "quantization_method", None) is not None:
            raise UphillError("all weights are to be trained, and the model is quantized, expected an adapter")
        refuse_unmerged(loaded.model, "fine-tuning")
        self.loaded = loaded
        self.recipe = recipe
        self.ranks = math.gcd(ranks or ranks_for(loaded.model), recipe.batch_items) if recipe.adapter is None else 1
        self.rows = recipe.batch_items // self.ranks
        self.packed = loaded.device.type == "cuda" if packed is None else packed
        self._in_one_row = False
        self.checkpointing = False
        self.kept_every = KEPT_EVERY
        self.outputs = outputs
        self._base = _Base(loaded.model) if recipe.adapter is None else None
        self._peft: PeftModel | None = None

    @contextmanager
    def fitted(self, prompts: Sequence[Prompt], key: Sequence[Key], scratch: Path) -> Iterator[tuple[Loaded, Training]]:
        """Fit the model to the one answer of each prompt; the base is as it was when the block ends.

        Args:
            prompts: training items.
            key: decides the adapter's first weights, dropout and the order of items.
            scratch: where the fit is kept while it is made; it goes when the block ends well.

        Raises:
            UphillError: a text has no room for its answer, the loss is no finite number, or one text alone does not
                fit the device's memory.
        """
        texts = examples(self.loaded, prompts, self.recipe.max_tokens)
        with self.fitting(texts, key, scratch) as training:
            yield self.loaded, training

    @contextmanager
    def fitting(self, texts: list[Example], key: Sequence[Key], scratch: Path) -> Iterator[Training]:
        """As `fitted`, of texts that are token ids."""
        resume(scratch)
        self._in_one_row = self.packed and self._can_pack(texts)
        try:
            training = self._fit(texts, key, scratch)
            if self._base is not None:
                # Asked in the numbers that the base is asked in.
                self._base.cast(self.loaded.model)
            self.loaded.model.eval()
            yield training
        finally:
            self._put_back()
        finish(scratch, self.outputs)

    def save(self, folder: Path) -> None:
        """Write what was trained, inside the block: an adapter, or a model's config and whole weights."""
        if self._peft is not None:
            # By itself peft asks the hub whether the base's embeddings are as they were.
            self._peft.save_pretrained(folder, save_embedding_layers=False)
        else:
            # What a model would generate by is asked of nobody here, and some have one that is refused.
            self.loaded.model.generation_config = GenerationConfig()
            self.loaded.model.save_pretrained(folder, max_shard_size="1000GB")

    def _can_pack(self, texts: list[Example]) -> bool:
        parted = [cut(text.tokens, max(text.answer, 1)) for text in texts]
        return can_pack_texts(self.loaded, [head for head, _ in parted], [[tail] for _, tail in parted])

    def _fit(self, texts: list[Example], key: Sequence[Key], scratch: Path) -> Training:
        while True:
            training: Training | None = None
            # The error is gone with this block: as long as it is there, it holds all of the failed pass.
            with suppress(torch.OutOfMemoryError):
                training = self._run(texts, key, scratch)
            self._let_go()
            if training is not None:
                return training
            self._put_back()
            # The fit begins anew.
            shutil.rmtree(scratch, ignore_errors=True)
            self._back_off(texts)

    def _let_go(self) -> None:
        """Free what a fit held beside weights, before they are copied: gradients, and the state of the optimiser."""
        self.loaded.model.zero_grad(set_to_none=True)
        if self.loaded.device.type == "cuda":
            gc.collect()  # a Trainer and its parts hold one another

    def _back_off(self, texts: list[Example]) -> None:
        """Find a way to spend less memory on an update than before."""
        if self.rows > 1:
            each = self.recipe.batch_items // self.ranks
            self.rows = max(size for size in range(1, self.rows) if each % size == 0)
            log.warning("out of memory in a fit: %d texts side by side from here on", self.rows)
        elif not self.checkpointing:
            self.checkpointing = True
            log.warning("out of memory in a fit with one text: gradient checkpointing from here on")
        else:
            longest = max(len(text.tokens) for text in texts)
            raise UphillError(f"fine-tuning: a text of {longest} tokens alone does not fit the device's memory")

    def _run(self, texts: list[Example], key: Sequence[Key], scratch: Path) -> Training:
        updates = self.recipe.steps(len(texts))
        rows = order(len(texts), updates * self.recipe.batch_items, key)
        if self.ranks > 1:
            loss = self._in_ranks(texts, rows, updates, key, scratch)
        else:
            loss = self._in_one(texts, rows, updates, key, scratch)
        if not all(map(math.isfinite, loss)):
            name = "/".join(map(str, key))
            raise UphillError(f"fit {name}: the loss is {next(x for x in loss if not math.isfinite(x))}, not finite")
        cut = sum(text.cut for text in texts)
        if cut:
            note(f"{CUT}{cut} of {len(texts)} training texts were longer than a text may be, and lost their end")
        tokens = sum(len(texts[row].tokens) for row in rows)
        spending.count("trained", tokens)
        return Training(updates, tokens, loss, cut)

    def _in_one(
        self, texts: list[Example], rows: list[int], updates: int, key: Sequence[Key], scratch: Path
    ) -> list[float]:
        model = self._trained(key)
        told = TrainingArguments(**self._arguments(updates, key, scratch))
        # One process has one model, whatever GPUs it sees: no copies that share a batch.
        told._n_gpu = min(1, told.n_gpu)
        trainer = self._trainer(model, told, [texts[row] for row in rows])
        with attending(self.loaded.model, NAME) if self._in_one_row else nullcontext():
            trainer.train(resume_from_checkpoint=get_last_checkpoint(str(scratch)) if scratch.is_dir() else None)
        return losses(trainer)

    def _trainer(self, model: Any, told: TrainingArguments, texts: list[Example]) -> InOrder:
        """What fits a model to texts, in the order that they are read in."""
        return InOrder(
            model=model,
            args=told,
            train_dataset=texts,
            data_collator=collator(self.loaded.model, self._in_one_row),
            compute_loss_func=answer_loss,
            callbacks=[Keeper(self.kept_every)],
        )

    def _in_ranks(
        self, texts: list[Example], rows: list[int], updates: int, key: Sequence[Key], scratch: Path
    ) -> list[float]:
        told = self._arguments(updates, key, scratch)
        return fit_in_ranks(
            self.loaded.model,
            texts,
            rows,
            told,
            packed=self._in_one_row,
            checkpointing=self.checkpointing,
            kept_every=self.kept_every,
            ranks=self.ranks,
        )

    def _arguments(self, updates: int, key: Sequence[Key], scratch: Path) -> dict[str, Any]:
        recipe, on_cpu = self.recipe, self.loaded.device.type == "cpu"
        seed = keyed_torch_seed("finetune", *key) % 2**32
        accumulated = recipe.batch_items // (self.rows * self.ranks)
        # All weights are float32 while they are trained; a model of 16 bits computes in them.
        narrow = self._base is not None and self._base.dtype != torch.float32
        mixed = narrow and not on_cpu and torch.cuda.is_bf16_supported()
        return {
            **arguments(recipe, updates, self.rows, accumulated, seed, scratch),
            **({} if on_cpu or recipe.optimiser != "adamw" else {"optim": FUSED}),
            "bf16": mixed,
            "use_cpu": on_cpu,
        }

    def _trained(self, key: Sequence[Key]) -> Any:
        """The model whose weights are trained: all of the base's in float32, or a fresh adapter's on it."""
        torch.manual_seed(keyed_torch_seed("finetune", *key))
        if self.checkpointing:
            # Without re-entrance the frozen embeddings need no gradient.
            self.loaded.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if self.recipe.adapter is None:
            # Small updates of 16-bit weights round away; and an adapter that was fitted before froze them all.
            return self.loaded.model.float().requires_grad_(True)
        shape = self.recipe.adapter
        config = LoraConfig(
            r=shape.r,
            lora_alpha=shape.alpha,
            lora_dropout=shape.dropout,
            target_modules=shape.target_modules,
            task_type="CAUSAL_LM",
        )
        self._peft = get_peft_model(self.loaded.model, config, low_cpu_mem_usage=False)
        return self._peft

    def _put_back(self) -> None:
        if self._peft is not None:
            self._peft.unload()
            self._peft = None
        if self._base is not None:
            self._base.restore(self.loaded.model)
        if self.checkpointing:
            self.loaded.model.gradient_checkpointing_disable()
        self.loaded.model.eval()


class _Base:
    """All weights of a model as they were loaded, in the host's memory."""

    def __init__(self, model: Any) -> None:
        self.dtype = model.dtype
        self._weights = {name: weight.detach().cpu().clone() for name, weight in model.named_parameters()}
        self._buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}

    def cast(self, model: Any) -> None:
        """Give weights their first type, and buffers what they held: rotary frequencies are float32 in any model."""
        model.to(self.dtype)
        for name, buffer in model.named_buffers():
            buffer.data = self._buffers[name].clone()

    @torch.no_grad()
    def restore(self, model: Any) -> None:
        """Give a model its first weights, of their first type, and take away gradients."""
        model.zero_grad(set_to_none=True)
        self.cast(model)
        for name, weight in model.named_parameters():
            weight.copy_(self._weights[name])
