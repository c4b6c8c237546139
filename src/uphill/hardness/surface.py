"""What can be counted without reading: words and characters (Hase et al. 2024, section 3)."""

from collections.abc import Sequence

import pandas as pd
from pydantic import BaseModel, ConfigDict

from uphill.hardness.data import Graded, HardnessData, long_form

RUNS_MODEL = False
READS_RESPONSES = False
COUNTS = {
    "question_num_words": ("question", lambda text: len(text.split())),
    "answer_num_words": ("answer_text", lambda text: len(text.split())),
    "answer_num_chars": ("answer_text", len),
    "reasoning_num_words": ("reasoning", lambda text: len(text.split())),
}


class Settings(BaseModel):
    """Nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:  # noqa: ARG001 - the interface
    """The same counts for every dataset."""
    return list(COUNTS)


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:  # noqa: ARG001 - the interface
    """Whitespace words of question, gold answer and reasoning, and characters of the gold answer."""
    values = {variable: data.items[column].map(count) for variable, (column, count) in COUNTS.items()}
    return long_form(pd.DataFrame(values), kind="surface")
