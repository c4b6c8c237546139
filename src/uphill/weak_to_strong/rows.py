"""Texts as rows of the labels contract."""

import pandas as pd

from uphill.schemas.labels import LABELS


def rows(texts: pd.DataFrame, origin: str) -> pd.DataFrame:
    """A label an item: the text, and the answer that was read off it, which is no choice of the item's.

    Args:
        texts: `item_id`, `text` and `parsed`, one row an item.
        origin: where they are from.
    """
    answers = texts["parsed"]
    index = pd.array([None] * len(texts), dtype="Int64")
    return texts.assign(answer_idx=index, answer_text=answers, reasoning="", soft=None, origin=origin)[
        LABELS.schema.names
    ]
