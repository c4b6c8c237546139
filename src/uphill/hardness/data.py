"""What a hardness measure may read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from uphill.engine.passes import ResponseTable
from uphill.running.parts import Parts

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded
    from uphill.hardness.answer_matrix import AnswerMatrix
    from uphill.prompts.forms import Form


@dataclass(frozen=True)
class Graded:
    """What the config says of a dataset, as far as a measure needs it.

    Attributes:
        human: columns that hold a human grade.
        generative: whether answers are written rather than chosen.
        hardness_pool: how many items are set aside to train hardness models on, or which share of them.
        answered: whether items say what is right.
    """

    name: str
    human: Sequence[str]
    generative: bool
    hardness_pool: float
    answered: bool = True


@dataclass(frozen=True)
class HardnessData:
    """A dataset's items, indexed by item_id, and a panel's answers to them, if the measure names a panel."""

    dataset: Graded
    items: pd.DataFrame
    seed: int
    matrix: "AnswerMatrix | None" = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Responded(HardnessData):
    """The items, and one hardness model's zero-shot responses to them (READS_RESPONSES)."""

    responses: ResponseTable


@dataclass(frozen=True)
class TextsRead(HardnessData):
    """The items, and the token scores of their texts under one hardness model (READS_TEXTS), rows of `TOKEN_SCORES`."""

    token_scores: pd.DataFrame

    def of(self, text: str) -> pd.DataFrame:
        """Rows of the texts of one column, by item; of one that says nothing there is none."""
        return self.token_scores[self.token_scores["text"] == text].set_index("item_id")


@dataclass(frozen=True)
class OnModel(HardnessData):
    """The items, and one hardness model to run (RUNS_MODEL).

    Attributes:
        prompt, cot_prompt: how the dataset's questions are put.
        open_model: loads the model.
        parts: where finished parts are kept until the job ends.
    """

    prompt: "Form"
    cot_prompt: "Form | None"
    open_model: "Callable[[], Loaded]"
    parts: Parts


def long_form(values: pd.DataFrame, kind: str) -> pd.DataFrame:
    """A table item_id x variable as rows (item_id, variable, value, kind), in a fixed order."""
    rows = values.rename_axis("item_id").reset_index().melt("item_id", var_name="variable", value_name="value")
    rows["kind"] = kind
    return rows.astype({"value": float}).sort_values(["variable", "item_id"], ignore_index=True)
