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
    """The same counts for every dataset; of answers, where there are right ones."""
    return [name for name, (column, _) in COUNTS.items() if dataset.answered or column != "answer_text"]


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """Whitespace words of question, gold answer and reasoning, and characters of the gold answer."""
    counts = {variable: COUNTS[variable] for variable in variables(name, settings, data.dataset)}
    values = {variable: data.items[column].map(count) for variable, (column, count) in counts.items()}
    return long_form(pd.DataFrame(values), kind="surface")
