"""How unlikely a model finds the texts of an item: question, gold answer and reasoning, each on its own.

The summed log-probability (nats) of all tokens behind the start of a text, negated, so that larger is harder; not
normalised by length, and the answer is not told the question (Hase et al. 2024, code release).
"""

from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel, ConfigDict

from uphill.hardness.data import Graded, TextsRead

RUNS_MODEL = False
READS_RESPONSES = False
READS_TEXTS = ("question", "answer_text", "reasoning")
TEXTS = dict(zip(("question", "answer", "reasoning"), READS_TEXTS, strict=True))


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The same texts for every dataset, where there are right answers; an empty one costs nothing."""
    return [f"{text}_logprob" for text in _texts(dataset)]


def measure(name: str, settings: Settings, data: TextsRead) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """The negated log-probability of each text."""
    rows = pd.concat([_negated(data, text) for text in _texts(data.dataset)], ignore_index=True)
    return rows.sort_values(["variable", "item_id"], ignore_index=True)


def _texts(dataset: Graded) -> list[str]:
    return [text for text, column in TEXTS.items() if dataset.answered or column != "answer_text"]


def _negated(data: TextsRead, text: str) -> pd.DataFrame:
    said = -data.of(TEXTS[text])["logprob"]
    values = {item: float(said.get(item, 0.0)) for item in data.items.index}
    return pd.DataFrame(
        {"item_id": values.keys(), "variable": f"{text}_logprob", "value": values.values(), "kind": "model"}
    )
