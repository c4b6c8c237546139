"""Attention over a pack, behind a prefix that stands in a cache.

Token j of a pack is seen by the rows from j to `until[j]` and by no other, and every token of the prefix by all. That
is all a mask has to know, so that no [T, T] array is made except on a CPU, or for a model that takes no other mask:

* "dense": a 4-D additive mask, through whatever attention the model has. Its work grows with T squared.
* "blocks": the pack itself by FlexAttention, which skips the blocks of the mask that nobody sees (Dong et al. 2024),
  the prefix by an unmasked attention kernel, both merged by their log-sum-exps. The prefix is copied nowhere.
* "joined": prefix and pack by one FlexAttention, over keys and values that each layer joins.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch.nn.attention.flex_attention import AuxRequest, BlockMask, flex_attention
from transformers import AttentionInterface, DynamicCache

Attention = Literal["blocks", "joined", "dense"]
NAME = "uphill_pack"
BLOCK = 128
"""Rows and columns of a block of the mask; packs are padded to whole blocks."""


def visible(until: torch.Tensor) -> torch.Tensor:
    """[..., T, T] bool, whether row i sees token j, for [..., T]."""
    rows = torch.arange(until.shape[-1], device=until.device)
    return (rows[:, None] >= rows) & (rows[:, None] <= until[..., None, :])


def dense_mask(until: torch.Tensor, prefix: int, dtype: torch.dtype) -> torch.Tensor:
    """[N, 1, T, prefix + T] additive mask of N packs [N, T], or of one, [T]."""
    rows = until.shape[-1]
    mask = torch.zeros(*until.shape, prefix + rows, dtype=dtype, device=until.device)
    mask[..., prefix:].masked_fill_(~visible(until), torch.finfo(dtype).min)
    return mask.view(-1, 1, rows, prefix + rows)


class PackMask(BlockMask):
    """A block mask of a pack, and the prefix that all of it sees: what the attention function here takes for a mask.

    Attributes:
        reach: tokens of the longest sequence that the pack holds, prefix included; of all of it unless set.
    """

    ndim = 4  # GPT-2 asks
    prefix: list[tuple[torch.Tensor, torch.Tensor]]
    joined: bool
    until: torch.Tensor
    reach: int
    copies: dict[torch.device, "PackMask"]

    def to(self, device: torch.device | str | int) -> "PackMask":
        """The mask for layers on another device, made once; layers' own parts of the prefix are there already."""
        place = torch.zeros(0, device=device).device
        if place == self.until.device:
            return self
        if place not in self.copies:
            self.copies[place] = _pack_mask(self.until.to(place), self.prefix, self.joined)
            self.copies[place].reach = self.reach
        return self.copies[place]


def pack_mask(until: torch.Tensor, cache: DynamicCache | None, joined: bool = False) -> PackMask:
    """The block mask [T, T] of a pack of whole blocks, or [T, prefix + T] where each layer joins the two."""
    return _pack_mask(until, [] if cache is None else [(layer.keys, layer.values) for layer in cache.layers], joined)


def _pack_mask(until: torch.Tensor, prefix: list[tuple[torch.Tensor, torch.Tensor]], joined: bool) -> PackMask:
    given, rows = until, len(until)
    ahead = prefix[0][0].shape[-2] if prefix and joined else 0
    first = torch.arange(rows, device=until.device)
    if ahead:
        until = torch.cat([until.new_full((ahead,), rows), until])
        first = torch.cat([first.new_zeros(ahead), first])
    # Columns that fill the last block up are seen by nobody.
    rest = -len(until) % BLOCK
    until, first = (
        torch.nn.functional.pad(until, (0, rest), value=-1),
        torch.nn.functional.pad(first, (0, rest), value=rows),
    )
    top = torch.arange(0, rows, BLOCK, device=until.device)[:, None]
    bottom = top + BLOCK - 1
    columns, starts = until.view(-1, BLOCK), first.view(-1, BLOCK)
    seen = (starts.amin(1) <= bottom) & (columns.amax(1) >= top)
    full = (starts.amax(1) <= top) & (columns.amin(1) >= bottom)

    def sees(_batch: Any, _head: Any, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        return (first[column] <= row) & (row <= until[column])

    mask = PackMask.from_kv_blocks(
        *_listed(seen & ~full), *_listed(full), BLOCK_SIZE=BLOCK, mask_mod=sees, seq_lengths=(rows, ahead + rows)
    )
    mask.prefix, mask.joined, mask.until, mask.copies = prefix, joined, given, {}
    mask.reach = rows + (prefix[0][0].shape[-2] if prefix else 0)
    return mask


def _listed(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many columns each row chooses, and which, those first: [1, 1, R] and [1, 1, R, C], int32."""
    order = chosen.int().argsort(dim=1, descending=True, stable=True)
    return chosen.sum(1).int()[None, None], order.int()[None, None].contiguous()


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one layer of a packed pass, in transformers' interface; gives [1, T, heads, head width].

    Raises:
        TypeError: the layer asks for something that is not done here, such as a sink or a window within the pack.
    """
    if not isinstance(attention_mask, PackMask):
        raise TypeError(f"{type(module).__name__}: expected the mask of a pack, got {type(attention_mask).__name__}")
    for name, asked in others.items():
        if not harmless(name, asked, attention_mask.reach):
            said = type(asked).__name__ if isinstance(asked, torch.Tensor) else repr(asked)
            raise TypeError(f"{type(module).__name__}: attention over a pack knows of no {name} ({said})")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    prefix = attention_mask.prefix[module.layer_idx] if attention_mask.prefix else None  # type: ignore[index]
    if prefix and attention_mask.joined:
        key, value = torch.cat([prefix[0], key], 2), torch.cat([prefix[1], value], 2)
        prefix = None
    cap = _capped(softcap, query.device)
    own, own_lse = _flex(query, key, value, scale, attention_mask, cap)
    if prefix is None:
        return own.transpose(1, 2).contiguous(), None
    if softcap or query.dtype == torch.float32 or query.device.type == "cpu":
        shared, shared_lse = _flex(query, *prefix, scale, None, cap)
    else:
        kernel: Callable[..., tuple[torch.Tensor, torch.Tensor]] = PREFIX_KERNELS[prefix_kernel]
        shared, shared_lse = kernel(query, *prefix, scale)
    return _merged()(own, own_lse, shared, shared_lse), None


def harmless(name: str, asked: Any, reach: int) -> bool:
    """Whether what a layer asks of its attention changes nothing where the longest sequence has `reach` tokens.

    A window that holds the longest sequence hides nothing; positions are in queries and keys already.
    """
    # The Trainer tells the model's own loss of an update's tokens, and so all that is below it.
    if asked is None or name in ("position_ids", "cache_position", "num_items_in_batch"):
        return True
    if name == "dropout":
        return not asked
    if name == "is_causal":
        return asked is True
    if name == "sliding_window":
        return isinstance(asked, int) and asked >= reach
    # Switches of what a pass gives out, or keeps, which no attention function sees to.
    return asked is False or name in ("use_cache", "return_dict", "output_hidden_states", "output_router_logits")


AttentionInterface.register(NAME, attend)


VARIANTS = 64
"""Kernels of one function that a process may compile: its checks and packs need more than the eight of torch."""


@functools.cache
def _compiled_flex() -> Callable[..., Any]:
    # Beyond its limit torch goes on without a kernel, with all scores of a pack in memory, and says so in a warning.
    dynamo = torch._dynamo.config
    dynamo.recompile_limit = max(dynamo.recompile_limit, VARIANTS)
    return torch.compile(flex_attention, dynamic=True)


def _flex(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float, mask: BlockMask | None, score: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Output [1, H, T, D] and its log-sum-exp [1, H, T]."""
    function: Any = flex_attention if query.device.type == "cpu" else _compiled_flex()
    grouped = query.shape[1] != key.shape[1]
    out, extra = function(
        query,
        key,
        value,
        score_mod=score,
        block_mask=mask,
        scale=scale,
        enable_gqa=grouped,
        return_aux=AuxRequest(lse=True),
    )
    return out, extra.lse


@functools.cache
def _capped(softcap: float | None, device: torch.device) -> Callable[..., torch.Tensor] | None:
    """Gemma-2's cap on attention scores."""
    if not softcap:
        return None
    # A tensor, since a number would become a symbol of the compiled kernel, which torch 2.11 cannot lower.
    cap = torch.tensor(softcap, device=device)

    def capped(score: torch.Tensor, _batch: Any, _head: Any, _row: Any, _column: Any) -> torch.Tensor:
        return cap * torch.tanh(score / cap)

    return capped


def _cudnn(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    found = torch.ops.aten._scaled_dot_product_cudnn_attention(query, key, value, None, True, scale=scale)
    return found[0], found[1].reshape(query.shape[:3])


def _flash(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    found = torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, scale=scale)
    return found[0], found[1].reshape(query.shape[:3])


def _flex_prefix(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    return _flex(query, key, value, scale, None, None)


PREFIX_KERNELS = {"cudnn": _cudnn, "flash": _flash, "flex": _flex_prefix}
prefix_kernel = "cudnn"


def _merge(one: torch.Tensor, one_lse: torch.Tensor, other: torch.Tensor, other_lse: torch.Tensor) -> torch.Tensor:
    """Attention over two sets of keys from attention over each, [1, T, H, D]: softmax is a weighted mean of the two."""
    share = torch.sigmoid(one_lse.float() - other_lse.float())[..., None]
    mixed = one.float() * share + other.float() * (1 - share)
    return mixed.to(one.dtype).transpose(1, 2).contiguous()


@functools.cache
def _merged() -> Callable[..., torch.Tensor]:
    return torch.compile(_merge, dynamic=True) if torch.cuda.is_available() else _merge


@contextmanager
def attending(model: Any, name: str = NAME) -> Iterator[None]:
    """Let a model's layers call `attend`, or what else is registered by name.

    Models that don't ask transformers' interface for attention go on as ever.
    """
    before = model.config._attn_implementation
    model.config._attn_implementation = name
    try:
        yield
    finally:
        model.config._attn_implementation = before


@contextmanager
def compiled(blocks: Sequence[torch.nn.Module], how: bool) -> Iterator[None]:
    """Let a model's blocks run compiled, so that norms, rotations and activations are one kernel each.

    Blocks that something has wrapped (accelerate's hooks, which move inputs between devices) stay as they are.
    """
    chosen = [block for block in blocks if how and "forward" not in vars(block)]
    for block in chosen:
        block.forward = functools.partial(_compiled_forward(type(block)), block)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for block in chosen:
            del block.forward


@functools.cache
def _compiled_forward(kind: type[torch.nn.Module]) -> Callable[..., Any]:
    # Called as a function of the block, so that all blocks of a model share one compilation.
    return torch.compile(kind.forward, dynamic=True)
