"""Every text of a generation as it is, right or wrong: what a weak teacher writes (Alice, Wu et al. 2025, baseline)."""

import pandas as pd
from pydantic import Field

from uphill.weak_to_strong.interface import TextLabels, Written
from uphill.weak_to_strong.rows import rows

ORIGIN = "weak"


class Settings(TextLabels):
    """Of which texts."""

    generation: str = Field(description="A name from `generations`, of one text for each item.")

    @property
    def texts(self) -> str:
        """The generation."""
        return self.generation

    @property
    def one_text(self) -> bool:
        """An item has one label."""
        return True


def label(settings: Settings, items: pd.DataFrame, written: Written) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """All of them; how many were cut off is in the counts."""
    texts = written.texts
    written.counts.update(texts=len(texts), cut=int((~texts["ended"]).sum()))
    return rows(texts, ORIGIN)
