"""Sizes of a language model, wherever its config keeps them: a model that also sees or hears nests them."""

import functools
import inspect
from typing import Any


def text_config(model: Any) -> Any:
    """The part of a model's config that describes its language model."""
    config = model.config
    found = getattr(config, "get_text_config", None)
    return config if found is None else found()


def depth(model: Any) -> int:
    """How many blocks a model has."""
    return int(text_config(model).num_hidden_layers)


def vocabulary(model: Any) -> int:
    """How many tokens a model can say: the rows of its head, which pads them in some checkpoints."""
    head = model.get_output_embeddings()
    return int(text_config(model).vocab_size if head is None else head.weight.shape[0])


def body(model: Any) -> Any:
    """What reads tokens and gives the final hidden states: a model but its head; the model itself if it has none.

    Some models' `base_model` is the model itself, since what they call their body has another name.
    """
    if model.base_model is not model:
        return model.base_model
    read_by = model.get_input_embeddings()
    return next((part for part in model.children() if read_by in set(part.modules()) - {part}), model)


def logits_from(model: Any, count: int) -> dict[str, int]:
    """The argument that spares a model all logits but the last `count`, if it knows one."""
    kind: Any = type(model)
    return {"logits_to_keep": count} if "logits_to_keep" in _arguments(kind) else {}


@functools.cache
def _arguments(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
