"""Texts that reach the right answer: rejection filtering (Alice, Wu et al. 2025).

Of each item the first text, by its number, that came to its end and is graded right; other items have no label. So both
targets teach the same items.
"""

from typing import Literal

import pandas as pd
from pydantic import Field

from uphill.schemas.labels import LABELS
from uphill.weak_to_strong.interface import TextLabels, Written

ORIGIN = "kept"


class Settings(TextLabels):
    """Of which texts, and what of them is taught."""

    generation: str = Field(description="A name from `generations`, whose texts are filtered.")
    target: Literal["reasoning", "answer"] = Field(
        "reasoning", description="What is taught: the text that was kept, or the item's right answer alone."
    )

    @property
    def texts(self) -> str:
        """The generation that is filtered."""
        return self.generation


def label(settings: Settings, items: pd.DataFrame, written: Written) -> pd.DataFrame:
    """The items with a right text; how many texts are right, cut off and wrong is in the counts."""
    texts = written.texts
    right = texts[texts["correct"] & texts["ended"]]
    first = right.sort_values(["item_id", "sample"]).drop_duplicates("item_id").set_index("item_id")
    written.counts.update(
        texts=len(texts),
        right=int(texts["correct"].sum()),
        cut=int((~texts["ended"]).sum()),
        items=int(texts["item_id"].nunique()),
        dropped=int(texts["item_id"].nunique() - len(first)),
    )
    own = items[items["item_id"].isin(first.index)]
    text = own["item_id"].map(first["text"]) if settings.target == "reasoning" else None
    return own.assign(reasoning="", text=text, soft=None, origin=ORIGIN)[LABELS.schema.names]
