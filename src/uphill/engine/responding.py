"""The one zero-shot pass over a dataset: choice scores and hidden states, written shard by shard."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from uphill.engine.hidden import default_layers
from uphill.engine.loading import Loaded
from uphill.engine.scoring import Scores, score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.parts import Parts
from uphill.prompts import PromptFormat, Question


def respond(
    loaded: Loaded,
    items: pd.DataFrame,
    prompt_format: PromptFormat,
    layers: Sequence[int] | None,
    shards: int,
    parts: Parts,
) -> Iterator[pa.Table]:
    """Yield the tables of `shards` shards, in order; one that a killed attempt finished is not made again.

    Args:
        loaded: the model.
        items: the item table.
        prompt_format: how a question is put, without examples.
        layers: kept hidden states; None keeps the published two.
        shards: how many parts the items are cut into.
        parts: where finished shards are kept until the job ends.

    Raises:
        UphillError: there are fewer items than shards.
    """
    if shards > len(items):
        raise UphillError(f"{shards} shards of {len(items)} items, expected at most one shard for each item")
    kept = list(layers) if layers is not None else default_layers(loaded.model.config.num_hidden_layers)
    for number, rows in enumerate(np.array_split(np.arange(len(items)), shards)):
        name = f"shard-{number}-of-{shards}"
        table = parts.get(name)
        if table is None:
            prompts = [_prompt(row, prompt_format) for row in items.iloc[rows].to_dict("records")]
            scores = list(score(loaded, prompts, kept, desc=name))
            table = _table(prompts, scores)
            parts.put(name, table)
        yield table


def _prompt(row: dict[str, object], prompt_format: PromptFormat) -> Prompt:
    choices = list(row["choices"])  # type: ignore[call-overload]
    question = Question(str(row["question"]), choices)
    # A generative item has one text to score, its gold answer.
    return Prompt(str(row["item_id"]), prompt_format.query(question), choices or [str(row["answer_text"])])


def _table(prompts: Sequence[Prompt], scores: Sequence[Scores]) -> pa.Table:
    states = np.concatenate([score.states for score in scores if score.states is not None])
    counts = [len(score.logprob) for score in scores]
    return pa.table(
        {
            "item_id": pa.array(np.repeat([score.item_id for score in scores], counts), pa.string()),
            "choice_idx": pa.array(np.concatenate([np.arange(count) for count in counts]), pa.int64()),
            "logprob": np.concatenate([score.logprob for score in scores]),
            "n_tokens": np.concatenate([score.n_tokens for score in scores]),
            "n_chars": pa.array([len(choice) for prompt in prompts for choice in prompt.choices], pa.int64()),
            "state": pa.FixedSizeListArray.from_arrays(pa.array(states.reshape(-1)), states.shape[1]),
        }
    )
