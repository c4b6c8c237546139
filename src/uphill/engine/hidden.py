"""Hidden states of a few layers, caught as they pass; nothing else leaves the device."""

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.sizes import body, depth
from uphill.errors import UphillError

HALF_PRECISION = 2**-10
"""What float16 may lose of a vector's length; numbers too small for it lose more."""


def default_layers(n_blocks: int) -> list[int]:
    """The published two of the L+1 hidden states: index ceil((L+1)/2) and L (Hase et al. 2024, code release)."""
    return [math.ceil((n_blocks + 1) / 2), n_blocks]


def narrowest(states: NDArray[np.float32], layers: int, item_id: str) -> NDArray[np.float16] | NDArray[np.float32]:
    """States [C, layers x d] in float16, where that keeps its precision for each hidden state; else as given.

    Raises:
        UphillError: one is no finite number.
    """
    if not np.isfinite(states).all():
        raise UphillError(f"item {item_id!r}: a kept hidden state is infinite or no number, expected finite numbers")
    with np.errstate(over="ignore"):
        half = states.astype(np.float16)
    if not np.isfinite(half).all():
        return states
    each, lost = (array.reshape(len(states), layers, -1).astype(np.float64) for array in (states, states - half))
    fits = (np.linalg.norm(lost, axis=-1) <= HALF_PRECISION * np.linalg.norm(each, axis=-1)).all()
    return half if fits else states


class KeptLayers:
    """Catch the output of chosen blocks during forward passes; and say whether single tokens' scores are kept too.

    Index 0 is the input of the first block, i the output of block i, and L the last one behind the final norm, as in
    transformers.
    """

    def __init__(self, model: Any, layers: Sequence[int] | None, tokens: bool = False) -> None:
        self.tokens = tokens
        self._layers = list(layers or [])
        self._last = depth(model)
        if any(not 0 <= layer <= self._last for layer in self._layers):
            raise ValueError(f"layers {self._layers}: expected indices from 0 to {self._last}")
        self._modules = {layer: module for layer in self._layers if (module := _module(model, layer)) is not None}
        self._caught: dict[int, torch.Tensor] = {}
        self._hooks: list[Any] = []

    @property
    def layers(self) -> list[int]:
        """Indices of the hidden states that are kept, in the order that they are kept in."""
        return self._layers

    def __bool__(self) -> bool:
        """Whether any layer is kept."""
        return bool(self._layers)

    def __enter__(self) -> Self:
        for layer, module in self._modules.items():
            if layer == 0:
                self._hooks.append(module.register_forward_pre_hook(self._catch_input, with_kwargs=True))
            else:
                self._hooks.append(module.register_forward_hook(self._catcher(layer)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._caught.clear()

    def _catch_input(self, module: Any, inputs: Any, named: Any) -> None:  # noqa: ARG002 - torch's hook signature
        self._caught[0] = inputs[0] if inputs else named["hidden_states"]

    def _catcher(self, layer: int) -> Any:
        def catch(module: Any, inputs: Any, output: Any) -> None:  # noqa: ARG001 - torch's hook signature
            # A block gives a tensor or a tuple, the whole base model an output object; its first entry is the state.
            self._caught[layer] = output if isinstance(output, torch.Tensor) else output[0]

        return catch

    def rows(self, sequences: torch.Tensor, rows: torch.Tensor) -> torch.Tensor | None:
        """Kept states [R, layers x d] float32 of R rows of the latest pass, on its device; None if no layer is kept.

        Args:
            sequences: [R] which sequence of the batch each row is of.
            rows: [R] which of its tokens.
        """
        if not self._layers:
            return None
        missing = [layer for layer in self._layers if layer not in self._caught]
        if missing:
            raise ValueError(f"hidden states {missing} pass through no module that could be watched")
        found = [self._caught[layer] for layer in self._layers]
        device = found[-1].device
        return torch.cat(
            [state[sequences.to(state.device), rows.to(state.device)].float().to(device) for state in found], -1
        )


def blocks_of(model: Any) -> list[torch.nn.Module]:
    """A model's blocks, in order; none where it keeps them in no list of that length."""
    count, base = depth(model), body(model)
    # What sees or hears may have as many blocks as what speaks.
    speaks = getattr(base, "language_model", base)
    lists = (part for part in speaks.modules() if isinstance(part, torch.nn.ModuleList))
    return list(next((blocks for blocks in lists if len(blocks) == count), []))


def _module(model: Any, layer: int) -> Any:
    """The module whose output is hidden state `layer`, a block or the whole base model; the first block for layer 0.

    None where there is none: no list of blocks, or a head that has no body apart from itself.
    """
    if layer == depth(model):
        return None if body(model) is model else body(model)
    blocks = blocks_of(model)
    return blocks[max(layer - 1, 0)] if blocks else None
