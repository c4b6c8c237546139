"""How unlikely a model finds the texts of an item: question, gold answer and reasoning, each on its own.

The summed log-probability (nats) of all tokens behind the start of a text, negated, so that larger is harder; not
normalised by length, and the answer is not told the question (Hase et al. 2024, code release).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel, ConfigDict

from uphill.hardness.data import Graded, OnModel
from uphill.schemas.measures import MEASURE

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded
    from uphill.engine.tokens import Prompt

RUNS_MODEL = True
READS_RESPONSES = False
TEXTS = {"question": "question", "answer": "answer_text", "reasoning": "reasoning"}


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The same texts for every dataset, where there are right answers; an empty one costs nothing."""
    return [f"{text}_logprob" for text in _texts(dataset)]


def measure(name: str, settings: Settings, data: OnModel) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The negated log-probability of each text."""
    rows = pd.concat(_parts(data), ignore_index=True)
    return rows.sort_values(["variable", "item_id"], ignore_index=True)


def _texts(dataset: Graded) -> list[str]:
    return [text for text, column in TEXTS.items() if dataset.answered or column != "answer_text"]


def _parts(data: OnModel) -> Iterator[pd.DataFrame]:
    for text in _texts(data.dataset):
        part = data.parts.get(text)
        if part is None:
            values = _negated(data.open_model(), data.items[TEXTS[text]], text)
            frame = pd.DataFrame(
                {"item_id": values.index, "variable": f"{text}_logprob", "value": values, "kind": "model"}
            )
            part = MEASURE.to_arrow(frame, text)
            data.parts.put(text, part)
        yield part.to_pandas()


def _negated(loaded: "Loaded", texts: pd.Series, desc: str) -> pd.Series:
    from uphill.engine.scoring import score

    loaded, prompts = on_their_own(loaded, texts)
    found = {scored.item_id: -float(scored.logprob[0]) for scored in score(loaded, prompts, desc=desc)}
    return pd.Series({item: found.get(str(item), 0.0) for item in texts.index}, dtype=float)


def on_their_own(loaded: "Loaded", texts: pd.Series) -> "tuple[Loaded, list[Prompt]]":
    """The model as it reads plain text, and each text that says something as a prompt's one choice, by item."""
    from uphill.engine.tokens import Prompt, opening

    if loaded.chat is not None:
        # A text on its own is no answer to a user.
        loaded = replace(loaded, chat=None)
    # A model that is not given a BOS token reads a text behind a line break instead, which merges with none of its own.
    start = "" if opening(loaded) else "\n"
    prompts = [
        Prompt(str(item), start, [text.lstrip("\n") if start else text]) for item, text in texts.items() if text.strip()
    ]
    return loaded, prompts
