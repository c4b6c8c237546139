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


def logits_from(model: Any, count: int) -> dict[str, int]:
    """The argument that spares a model all logits but the last `count`, if it knows one."""
    kind: Any = type(model)
    return {"logits_to_keep": count} if "logits_to_keep" in _arguments(kind) else {}


@functools.cache
def _arguments(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
