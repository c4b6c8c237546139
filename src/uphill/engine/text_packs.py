"""Training texts of a pass one behind the other in one row, without padding; attention text by text.

All of a model but attention reads token by token, so that a row of texts costs what its tokens cost. For attention
queries, keys and values are moved to a row for each text, filled up on the right, where a causal model never looks;
what comes of it is moved back. No [T, T] mask is made, and any attention kernel of torch will do. Only states that
predict a learned token meet the LM head, where the model lets one say so.

This is right for models that ask transformers' interface for attention and let tokens meet nowhere else, and wrong for
others (recurrent states, convolutions, ALiBi): it is held to whole sequences before it is used (see `choosing`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from transformers import AttentionInterface

from uphill.engine.agreement import one_line
from uphill.engine.attention import attending, harmless
from uphill.engine.hidden import KeptLayers
from uphill.engine.loading import Loaded
from uphill.engine.packing import packs_of, unscored
from uphill.engine.padded import Result
from uphill.engine.sampled import Heads, Tails
from uphill.engine.sizes import logits_from
from uphill.engine.text_examples import Example
from uphill.engine.trainer import IGNORED, collated

NAME = "uphill_texts"


def collator(model: Any, packed: bool) -> Callable[[Sequence[Example]], dict[str, torch.Tensor]]:
    """What makes a pass of texts: packed, or side by side."""
    return partial(laid, spared=bool(logits_from(model, 1))) if packed else collated


def laid(texts: Sequence[Example], spared: bool) -> dict[str, torch.Tensor]:
    """R texts of T tokens in all, S of them learned, one behind the other.

    Args:
        texts: the longest has W tokens.
        spared: whether the model can be told which logits it need not compute.

    Returns:
        input_ids and position_ids [1, T]; attention_mask [1, 1, R, W], what `attend` takes for one: where each token of
        a text stands in the row, T behind a text's end; labels [1, T], or where logits are spared [1, 1 + S] and
        logits_to_keep [S], the places that predict them: in both, logits are for the labels from the second on.
    """
    lengths = [len(text.tokens) for text in texts]
    ids, positions, labels = list[int](), list[int](), list[int]()
    places = torch.full((len(texts), max(lengths)), sum(lengths))
    for row, text in enumerate(texts):
        places[row, : lengths[row]] = torch.arange(len(ids), len(ids) + lengths[row])
        # Nothing predicts a text's first token, though here another text is before it.
        first = max(text.answer, 1)
        labels += [IGNORED] * first + text.tokens[first:]
        ids += text.tokens
        positions += range(lengths[row])
    made = {"input_ids": [ids], "position_ids": [positions], "labels": [labels]}
    if spared:
        learned = [place for place, label in enumerate(labels) if label != IGNORED]
        made |= {"labels": [[IGNORED, *(labels[place] for place in learned)]]}
    found = {name: torch.tensor(value) for name, value in made.items()} | {"attention_mask": places[None, None]}
    return found | ({"logits_to_keep": torch.tensor(learned) - 1} if spared else {})


class _Moved(torch.autograd.Function):
    """Rows [N, ...] to other places [M]; the gradient goes the way back by reading too, and nothing is added up."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, to: torch.Tensor, back: torch.Tensor, empty: Any) -> torch.Tensor:
        """`back` is where each row went, and `empty` [N, 1, 1] which went nowhere, if any did."""
        ctx.save_for_backward(back, empty)
        return rows[to]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        """[N, ...]."""
        back, empty = ctx.saved_tensors
        found = grads[0][back]
        return found if empty is None else found.masked_fill(empty, 0), None, None, None


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention of one layer within each text, in transformers' interface; gives [1, T, heads, head width].

    Args:
        module: the layer.
        query, key, value: [1, heads, T, head width] each.
        attention_mask: [1, 1, R, W], as `laid` gives it.
        scaling, dropout: of the scores; of what they become.
        sliding_window: how many tokens, itself included, a token sees; all before it unless given.
        others: what else the layer asks for.

    Raises:
        TypeError: the layer asks for something that is not done here, such as a sink or a cap on scores.
    """
    tokens, width = query.shape[2], attention_mask.shape[-1]
    for name, asked in others.items():
        if not harmless(name, asked, width):
            raise TypeError(f"{type(module).__name__}: attention text by text knows of no {name}")
    places = attention_mask.flatten()
    beyond = places == tokens
    to = places.clamp(max=tokens - 1)
    back = places.new_empty(tokens + 1).scatter_(0, places, torch.arange(len(places), device=places.device))[:tokens]
    query, key, value = (
        _Moved.apply(states[0].transpose(0, 1), to, back, None).unflatten(0, (-1, width)).transpose(1, 2)
        for states in (query, key, value)
    )
    window = _window(width, sliding_window, query.device)
    groups = query.shape[1] // key.shape[1]
    if groups > 1 and (window is not None or query.dtype == torch.float32):
        # Kernels without a whole matrix of scores know of grouped heads in 16 bits and without a mask alone.
        key, value = (states.repeat_interleave(groups, 1) for states in (key, value))
    out = torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=window,
        dropout_p=dropout,
        is_causal=window is None,
        scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return _Moved.apply(out.transpose(1, 2).flatten(0, 1), back, to, beyond[:, None, None])[None], None


def _window(width: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """[W, W] bool, who sees whom; None where all see all before them."""
    if window is None or window >= width:
        return None
    rows = torch.arange(width, device=device)
    behind = rows[:, None] - rows
    return (behind >= 0) & (behind < window)


AttentionInterface.register(NAME, attend)


def not_apart(loaded: Loaded) -> str | None:
    """Whether what the model says of one text of a row has a gradient in others' tokens, be it ever so small.

    Scores can miss what a few tokens of a convolution, of small weights, take over from the text before.
    """
    ids = list(range(3, 3 + min(8, loaded.model.get_input_embeddings().weight.shape[0] - 3)))
    given = laid([Example("", ids, 1, False)] * 3, spared=False)
    del given["labels"]
    read: list[torch.Tensor] = []

    def keep(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:  # noqa: ARG001 - torch's hook
        read.append(output.detach().requires_grad_())
        return read[-1]

    handle = loaded.model.get_input_embeddings().register_forward_hook(keep)
    try:
        with attending(loaded.model, NAME), torch.enable_grad():
            inputs = {name: value.to(loaded.device) for name, value in given.items()}
            logits = loaded.model(**inputs, use_cache=False).logits[0]
            [found] = torch.autograd.grad(logits[len(ids) : 2 * len(ids)].float().square().sum(), read[:1])
    except Exception as error:
        return f"it fails: {one_line(error)}"
    finally:
        handle.remove()
    own = found[0, len(ids) : 2 * len(ids)].clone()
    found[0, len(ids) : 2 * len(ids)] = 0
    return None if own.any() and not found.any() else "a text sees others of its row"


def packed_texts(loaded: Loaded, heads: Heads, tails: Tails, kept: KeptLayers) -> Iterator[Result]:  # noqa: ARG001
    """Scores of texts, each a prompt and one answer, as fine-tuning reads them."""
    texts = [
        Example("", [*head, *tail], len(head) + unscored(tail), False)
        for head, own in zip(heads, tails, strict=True)
        for tail in own
    ]
    collate, found = collator(loaded.model, packed=True), list[float]()
    for pack in packs_of([len(text.tokens) for text in texts], loaded.pack_tokens):
        given = collate([texts[place] for place in pack])
        labels = given.pop("labels")[0, 1:]
        with attending(loaded.model, NAME):
            inputs = {name: value.to(loaded.device) for name, value in given.items()}
            logits = loaded.model(**inputs, use_cache=False).logits[0, : len(labels)]
        learned = labels != IGNORED
        logprob = logits[learned.to(logits.device)].float().log_softmax(-1)
        token = logprob.gather(1, labels[learned].to(logits.device)[:, None])[:, 0].double().cpu()
        counts = [len(texts[place].tokens) - max(texts[place].answer, 1) for place in pack]
        found += [float(part.sum()) for part in token.split(counts)]
    scores = iter(found)
    for head, own in zip(heads, tails, strict=True):
        yield Result(
            torch.tensor([next(scores) for _ in own], dtype=torch.float64).numpy(),
            None,
            sum(len(head) + len(tail) for tail in own),
        )
