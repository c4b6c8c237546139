"""Adapters that were trained here, over the weights that they were trained on: merged where these are plain numbers."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file

from uphill.engine.sizes import text_config
from uphill.errors import UphillError

WEIGHTS = "adapter_model.safetensors"


def with_adapters(model: Any, folders: Sequence[Path]) -> Any:
    """A model as it was when the last of some adapters was trained.

    Over plain weights each is merged, in memory, so that all which takes a model takes the result. Into quantized
    weights none can be merged without another rounding: there it stays beside them, inside the model.

    Args:
        model: the whole weights, loaded.
        folders: of adapters, the lowest first.

    Raises:
        UphillError: an adapter is not whole, is not one of this model, or lies over one that is not merged.
    """
    for folder in folders:
        refuse_unmerged(model, f"{folder}: an adapter")
        made = _loaded(model, folder)
        if getattr(model, "quantization_method", None) is not None:
            model = made.get_base_model()
            continue
        try:
            # As any model that was just loaded, where peft leaves all weights frozen.
            model = made.merge_and_unload(safe_merge=True).requires_grad_(True)
        except ValueError as error:  # a weight that is no finite number
            raise UphillError(f"{folder}: cannot be merged: {' '.join(str(error).split())}") from error
    return model


def refuse_unmerged(model: Any, what: str) -> None:
    """Have no adapter trained, or put, over one that is not merged.

    Raises:
        UphillError: the model has one.
    """
    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        raise UphillError(
            f"{what}: the model has an adapter over quantized weights, into which it is not merged, expected "
            "quantization: none of a model that is trained again"
        )


def refuse_tied(model: Any, targets: Sequence[str] | str) -> None:
    """Have no adapter on embeddings that are the head too: merged, it would change both, and it was trained on one.

    Args:
        model: that is to be trained.
        targets: names of modules, or a pattern, as peft takes them.

    Raises:
        UphillError: one is such a module.
    """
    if targets == "all-linear" or not getattr(text_config(model), "tie_word_embeddings", False):
        return
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    for name in (name for name, module in model.named_modules() if any(module is end for end in ends)):
        named = re.fullmatch(targets, name) if isinstance(targets, str) else {name, name.split(".")[-1]} & {*targets}
        if named:
            raise UphillError(f"target_modules has {name}, which the model ties to its head, expected it without")


def _loaded(model: Any, folder: Path) -> PeftModel:
    path = folder / WEIGHTS
    try:
        stored = load_file(path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # below they are an error
            made = PeftModel.from_pretrained(model, folder, torch_device=str(model.device), use_safetensors=True)
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise UphillError(f"{path}: cannot be loaded as an adapter: {' '.join(str(error).split())}") from error
    there = get_peft_model_state_dict(made, save_embedding_layers=False)
    wrong = sorted({*there} ^ {*stored})
    wrong += [name for name in stored if name in there and not _same(there[name], stored[name])]
    if wrong:
        raise UphillError(f"{path}: {wrong[0]} is missing, not of this model or not finite, expected its own adapter")
    return made


def _same(there: torch.Tensor, stored: torch.Tensor) -> bool:
    """Whether a tensor is the one on disk, and all of it numbers."""
    return torch.equal(there.cpu(), stored.to(there.dtype)) and bool(torch.isfinite(stored).all())
