"""Texts of items, each on its own: one pass for all that measures ask of them, the score of each token kept.

A text is read behind BOS, or a line break for a model without, which is not scored. What is made of the scores is for
measures to say, and no change of a measure reads a text again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from uphill.engine.loading import Loaded
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt, opening
from uphill.running.parts import Parts
from uphill.schemas.token_scores import TOKEN_SCORES


def score_texts(loaded: Loaded, items: pd.DataFrame, texts: Sequence[str], parts: Parts) -> pa.Table:
    """Log-probabilities (nats) of texts of items and of their tokens, by text and in the items' order.

    Args:
        loaded: the model.
        items: indexed by item_id.
        texts: columns that hold them; a text that says nothing has no row.
        parts: where each column's rows are kept until the job ends.

    Raises:
        UphillError: a text does not fit, has no token, or a log-probability is no number.
    """
    return pa.concat_tables(_parts(loaded, items, texts, parts))


def _parts(loaded: Loaded, items: pd.DataFrame, texts: Sequence[str], parts: Parts) -> Iterator[pa.Table]:
    for column in texts:
        part = parts.get(column)
        if part is None:
            alone, prompts = on_their_own(loaded, items[column])
            kind = TOKEN_SCORES.schema.field("tokens").type
            scores = list(score(alone, prompts, desc=column, tokens=True))
            part = pa.table(
                {
                    "item_id": pa.array([found.item_id for found in scores], pa.string()),
                    "text": pa.array([column] * len(scores), pa.string()),
                    "logprob": pa.array([found.logprob[0] for found in scores], pa.float64()),
                    "tokens": pa.array([found.tokens[0] for found in scores if found.tokens], kind),
                },
                schema=TOKEN_SCORES.schema,
            )
            parts.put(column, part)
        yield part


def on_their_own(loaded: Loaded, texts: pd.Series) -> tuple[Loaded, list[Prompt]]:
    """The model as it reads plain text, and each text that says something as a prompt's one choice, by item."""
    if loaded.chat is not None:
        # A text on its own is no answer to a user.
        loaded = replace(loaded, chat=None)
    # A model that is not given a BOS token reads a text behind a line break instead, which merges with none of its own.
    start = "" if opening(loaded) else "\n"
    prompts = [
        Prompt(str(item), start, [text.lstrip("\n") if start else text]) for item, text in texts.items() if text.strip()
    ]
    return loaded, prompts
