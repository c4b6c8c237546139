"""Items whose texts a model has read, as a measure of token scores sees them."""

from pathlib import Path

import pandas as pd

from uphill.engine.loading import Loaded
from uphill.engine.token_scores import score_texts
from uphill.hardness.data import Graded, TextsRead
from uphill.running.parts import Parts
from uphill.schemas.token_scores import TOKEN_SCORES


def texts_read(loaded: Loaded, items: pd.DataFrame, texts: tuple[str, ...], folder: Path) -> TextsRead:
    scores = score_texts(loaded, items, texts, Parts(folder / "texts", TOKEN_SCORES))
    TOKEN_SCORES.check(scores, "scores")
    return TextsRead(Graded("d", (), False, 0), items, 0, token_scores=scores.to_pandas())
