"""A classifier's head on a model's last hidden states, trained together with the model on labels that may be soft.

A bias-free linear map that starts at zero, so that at first all choices are as likely (Burns et al. 2023, code
release). It is fitted by the machinery of fine-tuning on text: all weights or an adapter, stopped and gone on with.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainingArguments

from uphill.engine.head_recipe import HeadRecipe
from uphill.engine.head_trainer import Labelled, SoftTrainer, collated
from uphill.engine.loading import Loaded
from uphill.engine.packing import packs_of
from uphill.engine.sizes import body, text_config
from uphill.engine.text_examples import Example
from uphill.engine.text_training import TextFits, Training
from uphill.engine.tokens import Prompt, encode_items, encode_prompts
from uphill.engine.trainer import InOrder, Keeper
from uphill.errors import UphillError
from uphill.randomness import Key
from uphill.running import spending


class Classifier(torch.nn.Module):
    """A model's body, and the head on it.

    Args:
        model: a causal language model, whose own head is left out.
        outputs: numbers that the head gives for a sequence.

    Raises:
        UphillError: the model has no body apart from its head.
    """

    # The Trainer asks it of what it has loaded.
    _keys_to_ignore_on_save = None

    def __init__(self, model: Any, outputs: int) -> None:
        super().__init__()
        self.body = body(model)
        if self.body is model:
            raise UphillError(f"{type(model).__name__}: no body apart from its head, expected one to put a head on")
        if getattr(model, "hf_device_map", None) is not None:
            # By which the Trainer leaves a model that is spread over GPUs where it is.
            self.hf_device_map = model.hf_device_map
        self.head = torch.nn.Linear(text_config(model).hidden_size, outputs, bias=False, dtype=torch.float32)
        torch.nn.init.zeros_(self.head.weight)
        self.head.to(model.get_input_embeddings().weight.device)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        """[S, outputs] float32 of S sequences [S, T], filled up on the right, read at its last token, `ends` [S]."""
        read = self.body(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)
        states = read.last_hidden_state
        last = states[torch.arange(len(ends), device=states.device), ends.to(states.device)].float()
        with torch.autocast(last.device.type, enabled=False):
            return torch.nn.functional.linear(last, self.head.weight.to(last.device))

    def state_dict(self, *_: Any, **__: Any) -> Any:
        """What is trained: a frozen base is not kept again and again."""
        return {name: weight.detach() for name, weight in self.named_parameters() if weight.requires_grad}

    def load_state_dict(self, state_dict: Any, *_: Any, **__: Any) -> Any:
        """Put back what `state_dict` gave, all of it."""
        if state_dict.keys() != self.state_dict().keys():
            raise UphillError("a checkpoint of a head has other weights than are trained, expected the same")
        return type(super().load_state_dict(state_dict, strict=False))([], [])


class HeadFits(TextFits):
    """Fits of heads, with their bodies, on one base model; each begins from the base as it was loaded.

    Args:
        loaded: the base.
        recipe: of all fits.
    """

    recipe: HeadRecipe

    def __init__(self, loaded: Loaded, recipe: HeadRecipe) -> None:
        super().__init__(loaded, recipe, ranks=1, packed=False)
        self._made: Classifier | None = None

    @contextmanager
    def with_head(
        self, prompts: Sequence[Prompt], labels: Sequence[Sequence[float]], key: Sequence[Key], scratch: Path
    ) -> Iterator[tuple[Callable[[Sequence[Prompt]], NDArray[np.float64]], Training]]:
        """Fit to the labels of some prompts; the base is as it was when the block ends.

        Args:
            prompts: N training items with their choices.
            labels: of each, the probabilities of its choices.
            key: decides the adapter's first weights, dropout and the order of items.
            scratch: where the fit is kept while it is made; it goes when the block ends well.

        Returns:
            What gives [N, M] log-probabilities (nats) of the choices of N prompts, -inf where there is none; and what
            the fit did.

        Raises:
            UphillError: an item is too long, or has other choices than the first where one state is read for all; the
                loss is no finite number, or one item alone does not fit the device's memory.
        """
        read = self._sequences(prompts)
        most = min(self.recipe.max_tokens, self.loaded.window)
        _check_lengths(prompts, read, most, "max_tokens or the model's window")
        texts: list[Example] = [
            Labelled(prompt.item_id, [token for one in own for token in one], 0, False, own, list(label))
            for prompt, own, label in zip(prompts, read, labels, strict=True)
        ]
        choices = None if self.recipe.reads == "choices" else list(prompts[0].choices)
        with self.fitting(texts, key, scratch) as training:
            yield lambda asked: self._log_probabilities(asked, choices), training

    def _sequences(self, prompts: Sequence[Prompt]) -> list[list[list[int]]]:
        """Of each item what is read: each choice behind the prompt, or the prompt alone.

        Raises:
            UphillError: one is longer than the model's window, or has choices of its own where these have one state.
        """
        if self.recipe.reads == "choices":
            heads, tails = encode_items(self.loaded, prompts)
            return [[[*head, *tail] for tail in own] for head, own in zip(heads, tails, strict=True)]
        for prompt in prompts:
            if list(prompt.choices) != list(prompts[0].choices):
                raise UphillError(
                    f"item {prompt.item_id!r} has the choices {list(prompt.choices)}, and item {prompts[0].item_id!r} "
                    f"{list(prompts[0].choices)}; expected the same of all with reads: question, or reads: choices"
                )
        return [[ids] for ids in encode_prompts(self.loaded, [prompt.text for prompt in prompts])]

    def _trainer(self, model: Any, told: TrainingArguments, texts: list[Example]) -> InOrder:  # noqa: ARG002
        labelled = [text for text in texts if isinstance(text, Labelled)]
        width = max(len(text.label) for text in labelled)
        # A peft model has changed the base's own modules, of which the body is one.
        self._made = Classifier(self.loaded.model, 1 if self.recipe.reads == "choices" else width)
        return SoftTrainer(
            model=self._made,
            args=told,
            train_dataset=labelled,
            data_collator=lambda rows: collated(rows, width),
            callbacks=[Keeper(self.kept_every)],
            loss=self.recipe.loss,
            batch_items=self.recipe.batch_items,
        )

    def _put_back(self) -> None:
        self._made = None
        super()._put_back()

    @torch.no_grad()
    def _log_probabilities(self, prompts: Sequence[Prompt], choices: list[str] | None) -> NDArray[np.float64]:
        for prompt in prompts if choices is not None else ():
            if list(prompt.choices) != choices:
                raise UphillError(
                    f"item {prompt.item_id!r} has the choices {list(prompt.choices)}, expected {choices}, which the "
                    "head was trained on; or reads: choices"
                )
        read = self._sequences(prompts)
        _check_lengths(prompts, read, self.loaded.window, "the model's window")
        values = self._values([one for own in read for one in own])
        if choices is not None:
            return values.log_softmax(-1).numpy()
        counts = [len(own) for own in read]
        found = torch.full((len(read), max(counts)), -torch.inf, dtype=torch.float64)
        for row, own in enumerate(values[:, 0].split(counts)):
            found[row, : len(own)] = own.log_softmax(0)
        return found.numpy()

    def _values(self, sequences: list[list[int]]) -> torch.Tensor:
        """[S, outputs] float64 of sequences, those of like length side by side; packs halve when memory runs out."""
        made, loaded = self._made, self.loaded
        assert made is not None, "called inside the block"
        order = sorted(range(len(sequences)), key=lambda place: len(sequences[place]))
        found, done = torch.zeros(len(sequences), made.head.out_features, dtype=torch.float64), 0
        while done < len(order):
            left = order[done:]
            [pack, *_] = packs_of([len(sequences[place]) for place in left], loaded.pack_tokens)
            places = [left[index] for index in pack]
            batch = collated([_unlabelled(sequences[place]) for place in places], 1)
            try:
                given = (batch[name].to(loaded.device) for name in ("input_ids", "attention_mask", "ends"))
                found[places] = made(*given).double().cpu()
            except torch.OutOfMemoryError:
                if len(places) == 1:
                    raise
                loaded.pack_tokens = sum(len(sequences[place]) for place in places) // 2
                continue
            done += len(places)
        spending.count("read", sum(map(len, sequences)))
        return found


def _check_lengths(prompts: Sequence[Prompt], read: list[list[list[int]]], most: int, which: str) -> None:
    """Refuse an item that is too long: the state that is read is the last one, which no item may lose."""
    for prompt, own in zip(prompts, read, strict=True):
        longest = max(map(len, own))
        if longest > most:
            raise UphillError(
                f"item {prompt.item_id!r} has {longest} tokens, expected at most {most} of an item that a head reads, "
                f"{which}"
            )


def _unlabelled(sequence: list[int]) -> Labelled:
    return Labelled("", sequence, 0, False, [sequence], [1.0])
