"""Items as the prompts of a zero-shot pass."""

from typing import Any

import pandas as pd

from uphill.engine.tokens import Prompt
from uphill.prompts.forms import Form
from uphill.prompts.templates import Question, zero_shot_form


def ask(items: pd.DataFrame, prompt: Form, cot_prompt: Form | None) -> list[Prompt]:
    """What is read and what is scored of each item.

    Args:
        items: the item table, indexed by item_id.
        prompt, cot_prompt: how the dataset's questions are put; see `zero_shot_form`.
    """
    return [_prompt(row, prompt, cot_prompt) for row in items.reset_index().to_dict("records")]


def _prompt(row: dict[Any, Any], prompt: Form, cot_prompt: Form | None) -> Prompt:
    question = Question(row["question"], list(row["choices"]), row["answer_text"], row["reasoning"])
    return Prompt(str(row["item_id"]), *zero_shot_form(question, prompt, cot_prompt))
