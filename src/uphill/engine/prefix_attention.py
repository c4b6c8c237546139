"""Attention of many rows to a prefix that all share, whose keys and values are held and read once, and to their own.

What a decode step must read is its floor on a GPU: the weights, and every key and value once. A token's keys and values
are 2 x layers x key heads x head size numbers (Llama-7B in 16 bit: 0.5 MiB). For 64 rows with 150 tokens of their own
behind 1400 shared ones that is 13.5 GB of weights, 0.7 GB of prefix and 5 GB of the rows' own; a copy of the prefix for
each row would add 46 GB. On a CPU matrix products are the floor, and the prefix is one product for all rows.

The model is reached through transformers' attention interface. Keys and values are kept here, in no cache of its own,
so that a row can come and go without the others' being copied.

Rows are of different lengths, and a batched product reads them all to the longest's end. On a GPU, in 16 bits, a kernel
reads each row's own tokens and no more (FlashAttention, Dao 2023), and its part is merged with the prefix's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import AttentionInterface, DynamicCache

from uphill.engine.launching import upload
from uphill.engine.sizes import text_config

NAME = "uphill_shared_prefix"
NO_MATTER = frozenset(
    (
        *("dropout", "is_causal", "position_ids", "position_embeddings", "cache_position", "use_cache", "layer_idx"),
        *("past_key_values", "past_key_value", "output_attentions", "output_hidden_states", "output_router_logits"),
        "return_dict",
    )
)
"""What layers hand on that says nothing of attention behind a step; whatever else they say is refused."""


LARGEST_HEAD = 256
"""Numbers of a head that the kernel of single rows' own tokens takes at most."""
FLASH_SINCE = (8, 0)
"""Compute capability of the first GPUs that it runs on."""

FIRST_ROOM = 256
"""Tokens of each row that there is room for at first; then half as much again each time."""


class Slots:
    """Keys and values of up to `count` rows of up to `limit` tokens each, behind a prefix (None: an empty one).

    Room is made as rows grow: answers are mostly far shorter than they may be (64 rows of 4 300 tokens of a Llama-7B
    would be 144 GB). With `own_lengths` all heads of a token lie together, as the kernel has them that reads each row
    to its own end.
    """

    def __init__(self, prefix: DynamicCache | None, count: int, limit: int, own_lengths: bool = False) -> None:
        self.prefix = prefix
        self.own_lengths = own_lengths
        self.start = 0 if prefix is None else int(prefix.get_seq_length())
        self.room = 0
        self._count, self._limit = count, limit
        self._layers: dict[int, tuple[torch.Tensor, ...]] = {}

    def hold(self, width: int) -> bool:
        """Make room for `width` tokens of each row, at most the limit; whether what was held lies elsewhere now."""
        if width <= self.room:
            return False
        self.room = min(self._limit, max(width, FIRST_ROOM, self.room + self.room // 2))
        for number in self._layers:  # one after another, so that no more than one is held twice
            self._layers[number] = tuple(self._wider(held) for held in self._layers[number])
        return bool(self._layers)

    def layer(self, number: int, *likes: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """A layer's keys and values, [count, heads, room, size], made beside the first ones that it is to hold."""
        if number not in self._layers:
            self._layers[number] = tuple(self._empty(like) for like in likes)
        return self._layers[number]

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        # No token sees the places that are not filled; but a weight of 0 times whatever lies there must be 0.
        heads, size = like.shape[1], like.shape[3]
        if self.own_lengths:
            return like.new_zeros(self._count, self.room, heads, size).transpose(1, 2)
        return like.new_zeros(self._count, heads, self.room, size)

    def _wider(self, held: torch.Tensor) -> torch.Tensor:
        wider = self._empty(held)
        wider[:, :, : held.shape[2]] = held
        return wider

    def copy(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Write rows `sources`, as they are before, over rows `targets`."""
        if not self._layers:
            return
        device = self._layers[min(self._layers)][0].device
        read, written = upload([list(sources), list(targets)], device)
        for layer in self._layers.values():
            for held in layer:
                held[written.to(held.device)] = held[read.to(held.device)]


class Step:
    """A pass over Q more tokens of each of R rows, those from `first` on; `places` [R, Q] is where each goes.

    A row with fewer than Q is padded at its end: its later tokens are written over the padding, unseen until then.
    Places are below `width`; beyond it nothing is read.
    """

    def __init__(self, slots: Slots, first: int, places: torch.Tensor, width: int) -> None:
        self.slots = slots
        self._width = width
        self._rows = slice(first, first + len(places))
        self._places = places
        self._every = torch.arange(first, first + len(places), device=places.device)[:, None]
        self._unseen: dict[int | None, torch.Tensor] = {}
        self._used: dict[torch.device, torch.Tensor] = {}

    @property
    def positions(self) -> torch.Tensor:
        """[R, Q] position ids."""
        return self.slots.start + self._places

    def write(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the new tokens' keys and values, [R, heads, Q, size], in their places; all that there is room for."""
        found = []
        places, every = self._places.to(key.device), self._every.to(key.device)
        for held, new in zip(self.slots.layer(layer, key, value), (key, value), strict=True):
            held[every, :, places] = new.transpose(1, 2)
            found.append(held[self._rows])
        return found[0], found[1]

    def read(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and what the rows hold now."""
        keys, values = self.write(layer, key, value)
        return keys[:, :, : self._width], values[:, :, : self._width]

    def used(self, device: torch.device) -> torch.Tensor:
        """[R] tokens that each row holds with its last new one, int32; counted once for all layers of a device."""
        if device not in self._used:
            self._used[device] = (self._places[:, -1] + 1).int().to(device)
        return self._used[device]

    def hide(self, scores: torch.Tensor, window: int | None) -> torch.Tensor:
        """Scores [R, heads, Q, start + width], those of tokens that are not seen at minus infinity.

        A window of W tokens ends at the token itself.
        """
        if window not in self._unseen:
            self._unseen[window] = self._beyond(window)
        unseen = self._unseen[window].to(scores.device)
        scores[..., scores.shape[-1] - unseen.shape[-1] :].masked_fill_(unseen, float("-inf"))
        return scores

    def _beyond(self, window: int | None) -> torch.Tensor:
        """[R, 1, Q, C] whether a token does not see each of the last C columns; of the prefix, all is seen or asked."""
        first = self.slots.start if window is None else 0
        columns = torch.arange(first, self.slots.start + self._width, device=self._places.device)
        back = self.positions[..., None] - columns
        return ((back < 0) if window is None else (back < 0) | (back >= window))[:, None]


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: torch.Tensor | None,
    *,
    step: Step,
    scaling: float | None = None,
    softcap: float | None = None,
    sliding_window: int | None = None,
    s_aux: torch.Tensor | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers' interface has it: query [R, H, Q, D], key and value [R, G, Q, D]; [R, Q, H, D].

    One softmax over both parts, in float32 as in transformers' eager attention; H / G query heads share a key head.
    `s_aux` are sinks, [H]: what each head gives to no token (GPT-OSS).

    Raises:
        ValueError: an argument that says of attention what is not done here.
    """
    unknown = sorted(name for name, value in others.items() if name not in NO_MATTER and value is not None)
    if unknown or others.get("dropout"):
        raise ValueError(f"attention with {', '.join(unknown) or 'dropout'}")
    rows, heads, count, size = query.shape
    groups, width = key.shape[1], value.shape[-1]
    plain = softcap is None and sliding_window is None and s_aux is None
    if step.slots.own_lengths and plain and count == 1 and size == width <= LARGEST_HEAD and size % 8 == 0:
        return _by_rows(module.layer_idx, query, key, value, step, size**-0.5 if scaling is None else scaling), None
    # Query heads of one key head stand together, as so many more queries.
    asked = (query * (size**-0.5 if scaling is None else scaling)).reshape(rows, groups, -1, size)
    keys, values = step.read(module.layer_idx, key, value)
    scores = asked @ keys.transpose(-1, -2)
    prefix, start = step.slots.prefix, step.slots.start
    if prefix is not None:
        shared = prefix.layers[module.layer_idx]
        # One product for all rows: [G, R x H/G x Q, D] with [G, D, P].
        together = asked.transpose(0, 1).reshape(groups, -1, size)
        before = (together @ shared.keys[0].transpose(-1, -2)).view(groups, rows, -1, start).transpose(0, 1)
        scores = torch.cat([before, scores], -1)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    step.hide(scores.view(rows, heads, count, -1), sliding_window)
    if s_aux is not None:
        sinks = s_aux.to(scores).reshape(1, groups, -1, 1, 1).expand(rows, -1, -1, count, -1)
        scores = torch.cat([scores, sinks.reshape(rows, groups, -1, 1)], -1)
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    weights = weights if s_aux is None else weights[..., :-1]
    seen = weights[..., start:] @ values
    if prefix is not None:
        together = weights[..., :start].transpose(0, 1).reshape(groups, -1, start)
        seen += (together @ shared.values[0]).view(groups, rows, -1, width).transpose(0, 1)
    return seen.view(rows, heads, count, width).transpose(1, 2).contiguous(), None


def _by_rows(
    layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, step: Step, scale: float
) -> torch.Tensor:
    """One token of each row, [R, H, 1, D], over what that row holds, and over the prefix; [R, 1, H, D]."""
    keys, values = step.write(layer, key, value)
    used = step.used(query.device)
    own, own_lse = own_part(query[:, :, 0], keys.transpose(1, 2), values.transpose(1, 2), used, scale)
    if step.slots.prefix is None:
        return own[:, None]
    shared = step.slots.prefix.layers[layer]
    rows, heads, _, size = query.shape
    groups = key.shape[1]
    together = (query[:, :, 0] * scale).reshape(rows, groups, -1, size).transpose(0, 1).reshape(groups, -1, size)
    scores = (together @ shared.keys[0].transpose(-1, -2)).float()
    before = scores.softmax(-1).to(query.dtype) @ shared.values[0]

    def by_row(of_groups: torch.Tensor, *rest: int) -> torch.Tensor:
        return of_groups.view(groups, rows, -1, *rest).transpose(0, 1).reshape(rows, heads, *rest)

    # A softmax over both is a weighted mean of the two.
    share = torch.sigmoid(own_lse - by_row(scores.logsumexp(-1)))[..., None]
    mixed = own.float() * share + by_row(before, size).float() * (1 - share)
    return mixed.to(query.dtype)[:, None]


def own_part(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, used: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of each row's one query [R, H, D] to the first `used` [R] of its own keys and values [R, T, G, D].

    Output [R, H, D] and log-sum-exp [R, H], float32.
    """
    rows, room = keys.shape[:2]
    ends = torch.arange(rows + 1, device=query.device, dtype=torch.int32)
    found, lse, *_ = torch.ops.aten._flash_attention_forward(
        query.contiguous(), keys.flatten(0, 1), values.flatten(0, 1), ends, ends * room, 1, room, 0.0, False, False,
        scale=scale, seqused_k=used,
    )  # fmt: skip
    return found, lse.t()


def reads_own_lengths(model: Any) -> bool:
    """Whether a model's steps are such as `own_part` does: in 16 bits, no window, on GPUs that have the kernel."""
    if model.dtype not in (torch.float16, torch.bfloat16):
        return False
    config, devices = text_config(model), {weight.device for weight in model.parameters()}
    odd = any(getattr(config, name, None) for name in ("sliding_window", "attn_logit_softcapping"))
    return not odd and all(
        device.type == "cuda" and torch.cuda.get_device_capability(device) >= FLASH_SINCE for device in devices
    )


AttentionInterface.register(NAME, attend)


@contextmanager
def shared_prefix_attention(model: Any) -> Iterator[None]:
    """Let a model's layers use `attend`; each pass needs `step=` beside its inputs. Some kinds of model stay as is."""
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
