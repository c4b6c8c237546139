"""The zero-shot pass as arrays: what the unsupervised baseline, zero-shot MDL and the probes read.

Importing this loads no model library.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from uphill.errors import UphillError, damaged
from uphill.schemas import parquet
from uphill.schemas.files import made_by, read_arrow
from uphill.schemas.responses import RESPONSES

BATCH = 2**19
"""Numbers of hidden states that are read at a time."""


class Scored(Protocol):
    """Scores of one item with C choices, as the engine gives them."""

    @property
    def item_id(self) -> str:
        """Whose they are."""

    @property
    def logprob(self) -> NDArray[np.float64]:
        """[C] summed log-probability (nats)."""

    @property
    def n_tokens(self) -> NDArray[np.int64]:
        """[C] tokens of each choice."""


@dataclass(frozen=True)
class ResponseTable:
    """Zero-shot responses to N items with up to M choices each, in the order of `item_ids`.

    Attributes:
        item_ids: N ids.
        logprob: [N, M] summed log-probability (nats) of each choice; -inf where there is none.
        n_tokens: [N, M] tokens of each choice; 0 where there is none.
        exists: [N, M] bool.
        states: [N, M, D] kept states of the last answer token, float16 unless that does not hold them, then float32;
            zeros where there is no choice; D is 0 where they were not asked for.
        layers: which of the model's L+1 hidden states those are, one after the other in D; none where that is not said.
    """

    item_ids: list[str]
    logprob: NDArray[np.float64]
    n_tokens: NDArray[np.int64]
    exists: NDArray[np.bool_]
    states: NDArray[np.float16] | NDArray[np.float32]
    layers: tuple[int, ...] = ()

    @classmethod
    def read(cls, shards: Sequence[Path | str], identity: str | None = None, states: bool = True) -> Self:
        """Read every shard of a (model, dataset) pair.

        Args:
            shards: the files.
            identity: of the pass that must have made them.
            states: whether hidden states are read; they are most of a file.

        Raises:
            UphillError: a shard is missing, damaged, or of another pass, or holds an item of another shard or a state
                that is no finite number; or states are asked for, and the pass kept none.
        """
        table = pa.concat_tables(list(_distinct(shards, identity))).combine_chunks()
        codes, ids = pd.factorize(table["item_id"].to_pandas())
        choice = table["choice_idx"].to_numpy()
        shape = (len(ids), int(choice.max()) + 1)
        logprob = np.full(shape, -np.inf)
        logprob[codes, choice] = table["logprob"].to_numpy()
        n_tokens = np.zeros(shape, dtype=np.int64)
        n_tokens[codes, choice] = table["n_tokens"].to_numpy()
        none = np.zeros((*shape, 0), dtype=np.float16)
        kept = _states(shards, np.stack([codes, choice]), shape, table["item_id"]) if states else none
        layers = made_by(shards[0]).get("settings", {}).get("layers") or ()
        return cls(list(ids), logprob, n_tokens, n_tokens > 0, kept, tuple(layers))

    @classmethod
    def of(cls, scores: Sequence[Scored]) -> Self:
        """Scores of a pass that kept no states."""
        shape = (len(scores), max(len(score.logprob) for score in scores))
        logprob, n_tokens = np.full(shape, -np.inf), np.zeros(shape, dtype=np.int64)
        for row, score in enumerate(scores):
            logprob[row, : len(score.logprob)] = score.logprob
            n_tokens[row, : len(score.logprob)] = score.n_tokens
        states = np.zeros((*shape, 0), dtype=np.float32)
        return cls([score.item_id for score in scores], logprob, n_tokens, n_tokens > 0, states)

    def rows(self, item_ids: Sequence[str]) -> NDArray[np.int64]:
        """Row numbers of items.

        Raises:
            UphillError: the model has not answered one of them.
        """
        place = {item_id: row for row, item_id in enumerate(self.item_ids)}
        try:
            return np.array([place[item_id] for item_id in item_ids], dtype=np.int64)
        except KeyError as error:
            raise UphillError(f"item {error} has no response, expected one of every item of the dataset") from None

    def states_of(self, layers: Sequence[int] | None) -> NDArray[np.float16] | NDArray[np.float32]:
        """[N, M, D] states of some layers, in their order, or all that were kept where None is asked for.

        Raises:
            UphillError: one was not kept.
        """
        if layers is None:
            return self.states
        for layer in layers:
            if layer not in self.layers:
                kept = ", ".join(map(str, self.layers)) or "the published two, which have no numbers"
                raise UphillError(f"hidden state {layer} was not kept, expected one of responses.layers: {kept}")
        width = self.states.shape[-1] // len(self.layers)
        places = [self.layers.index(layer) * width + np.arange(width) for layer in layers]
        found: NDArray[np.float16] | NDArray[np.float32] = self.states.take(np.concatenate(places), axis=-1)
        return found

    def gold(self, items: pd.DataFrame) -> NDArray[np.int64]:
        """[N] index of each item's gold choice, in the order of `item_ids`; 0 for a generative item.

        Args:
            items: the item table, indexed by item_id.
        """
        answers = items["answer_idx"].reindex(self.item_ids)
        return answers.fillna(0).to_numpy(dtype=np.int64)

    def log_p_gold(self, gold: NDArray[np.int64]) -> NDArray[np.float64]:
        """[N] log-probability (nats) of the gold choice.

        By softmax of the summed log-probabilities over an item's choices (Hase et al. 2024, code release); of an item
        with one text to score, a generative one, that of the text itself.
        """
        own = self.logprob[np.arange(len(gold)), gold]
        return own - np.where(self.exists.sum(1) == 1, 0.0, log_sum_exp(self.logprob))

    def length(self, gold: NDArray[np.int64]) -> NDArray[np.int64]:
        """[N] how many outcomes `log_p_gold` is the product of: 1 choice, or the tokens of a text that stands alone."""
        return np.where(self.exists.sum(1) == 1, self.n_tokens[np.arange(len(gold)), gold], 1)


def _states(
    shards: Sequence[Path | str], places: NDArray[np.int64], shape: tuple[int, int], item_ids: pa.ChunkedArray
) -> NDArray[np.float16] | NDArray[np.float32]:
    """[N, M, D] states of all shards, in float16 unless one of them needs float32; zeros where there is no choice.

    Args:
        shards: the files.
        places: [2, R] item and choice of each row.
        shape: N and M.
        item_ids: of R rows, for messages.

    Raises:
        UphillError: a shard keeps none, or others than the first, or one is no finite number: no probe could be fitted.
    """
    kinds = [_kind(path) for path in shards]
    for path, kind in zip(shards, kinds, strict=True):
        if kind.list_size != kinds[0].list_size:
            raise damaged(path, f"states of {kind.list_size} numbers, expected {kinds[0].list_size} as in {shards[0]}")
    width, wide = kinds[0].list_size, any(kind.value_type == pa.float32() for kind in kinds)
    states = np.zeros((*shape, width), dtype=np.float32 if wide else np.float16)
    done = 0
    for path in shards:
        for vectors in parquet.batches(path, "state", max(1, BATCH // width)):
            flat = vectors.flatten().to_numpy(zero_copy_only=False).reshape(len(vectors), width)
            wrong = ~np.isfinite(flat).all(1)
            if wrong.any():
                item = item_ids[done + int(wrong.argmax())].as_py()
                said = f"item {item!r}: a hidden state is infinite or no number, expected finite numbers"
                raise damaged(path, said)
            states[tuple(places[:, done : done + len(flat)])] = flat
            done += len(flat)
    return states


def _kind(path: Path | str) -> pa.DataType:
    """What a shard keeps of a hidden state."""
    columns = parquet.schema(path)
    if "state" not in columns.names:
        raise damaged(path, "keeps no hidden states, expected some of a pass that a probe reads")
    return columns.field("state").type


def log_sum_exp(logprob: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(sum(exp(x))) over the last axis, without overflow."""
    top = logprob.max(-1, keepdims=True)
    return np.log(np.exp(logprob - top).sum(-1)) + top[..., 0]


def softmax(logprob: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis; 0 where the log-probability is -inf."""
    return np.exp(logprob - log_sum_exp(logprob)[..., None])


def _distinct(shards: Sequence[Path | str], identity: str | None) -> Iterator[pa.Table]:
    """The tables of shards, no item in two of them."""
    seen: set[str] = set()
    for path in shards:
        table = read_arrow(path, RESPONSES, identity, vectors=False)
        items = set(table["item_id"].to_pylist())
        if items & seen:
            raise damaged(path, f"holds item {min(items & seen)!r} of another shard")
        seen |= items
        yield table.replace_schema_metadata(None)
