"""The one zero-shot pass over a dataset: choice scores and hidden states, written shard by shard."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from uphill.engine.fitting import limited_prompts
from uphill.engine.hidden import default_layers
from uphill.engine.loading import Loaded
from uphill.engine.scoring import Scores, ready, score
from uphill.engine.sizes import depth
from uphill.engine.tokens import Prompt, encode_items
from uphill.errors import UphillError
from uphill.running.noting import note
from uphill.running.parts import Parts

log = logging.getLogger(__name__)


def respond(
    loaded: Loaded,
    prompts: Sequence[Prompt],
    layers: Sequence[int] | None,
    shards: int,
    parts: Parts,
    states: bool = True,
) -> Iterator[pa.Table]:
    """Yield the tables of `shards` shards, in order; one that a killed attempt finished is not made again.

    Args:
        loaded: the model.
        prompts: the items, as they are asked.
        layers: hidden states that are caught; None for the published two.
        shards: how many parts the items are cut into.
        parts: where finished shards are kept until the job ends.
        states: whether hidden states are kept. They are caught either way: rounding is the same, and so are the scores.

    Raises:
        UphillError: there are fewer items than shards, one that cannot be scored, or a layer that the model has not.
    """
    if shards > len(prompts):
        raise UphillError(f"{shards} shards of {len(prompts)} items, expected at most one shard for each item")
    last = loaded.model.config.num_hidden_layers
    for layer in layers or ():
        if layer > last:
            raise UphillError(f"responses.layers is {layer}, expected 0 to {last}, the states that this model has")
    prompts = limited_prompts(loaded, prompts)
    # All, before the first of them costs anything.
    heads, tails = encode_items(loaded, prompts)
    kept = list(layers) if layers is not None else default_layers(depth(loaded.model))
    # Also where all shards are finished: what a reader should know of them is found out here.
    ready(loaded, heads, tails, states=True)
    for number, rows in enumerate(np.array_split(np.arange(len(prompts)), shards)):
        name = f"shard-{number}-of-{shards}"
        table = parts.get(name)
        if table is None:
            asked = [prompts[row] for row in rows]
            table = _table(asked, list(score(loaded, asked, kept, desc=name)), states)
            parts.put(name, table)
        if states and table.schema.field("state").type.value_type == pa.float32():
            note(f"{loaded.model.config.name_or_path}: hidden states do not fit float16; kept in float32")
        yield table


def _table(prompts: Sequence[Prompt], scores: Sequence[Scores], states: bool) -> pa.Table:
    counts = [len(score.logprob) for score in scores]
    table = pa.table(
        {
            "item_id": pa.array(np.repeat([score.item_id for score in scores], counts), pa.string()),
            "choice_idx": pa.array(np.concatenate([np.arange(count) for count in counts]), pa.int64()),
            "logprob": np.concatenate([score.logprob for score in scores]),
            "n_tokens": np.concatenate([score.n_tokens for score in scores]),
            "n_chars": pa.array([len(choice) for prompt in prompts for choice in prompt.choices], pa.int64()),
        }
    )
    kept = [score.states for score in scores if states and score.states is not None]
    return table.append_column("state", _vectors(kept)) if kept else table


def _vectors(kept: Sequence[NDArray[np.float16] | NDArray[np.float32]]) -> pa.Array:
    """Hidden states of a shard's choices, in float32 for all of them where one needs it."""
    states = np.concatenate(kept)
    if states.dtype == np.float32:
        log.warning("hidden states do not fit float16, which ends at 65504: kept in float32")
    # The name that Parquet gives the elements, so that a part read back is written with the same bytes.
    vector = pa.list_(pa.field("element", pa.from_numpy_dtype(states.dtype)), states.shape[1])
    return pa.FixedSizeListArray.from_arrays(pa.array(states.reshape(-1)), type=vector)
