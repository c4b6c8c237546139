"""Zero-shot questions as trained methods put them: training items with what is learned, and test items answered."""

from typing import TYPE_CHECKING

import pandas as pd

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.methods.context import Source, chosen, question_of, written

if TYPE_CHECKING:
    from uphill.engine.loading import Loaded
    from uphill.engine.tokens import Prompt


def check_reasoning(dataset: str, items: pd.DataFrame) -> None:
    bare = items.index[items["reasoning"] == ""]
    if len(bare):
        raise UphillError(f"{dataset}: item {bare[0]!r} has no reasoning, expected some, to train on it with cot")


def zero_shot_prompts(source: Source, items: pd.DataFrame, cot: bool) -> "list[Prompt]":
    """Items in their zero-shot form, before their choices or their gold solution."""
    from uphill.engine.tokens import Prompt

    asked = source.prompt_format(cot)
    questions = [(str(row["item_id"]), question_of(row)) for row in items.reset_index().to_dict("records")]
    return [
        Prompt(item_id, asked.prompt(question), [asked.solution(question)] if cot else list(question.choices))
        for item_id, question in questions
    ]


def answered(loaded: "Loaded", target: Source, items: pd.DataFrame, cot: bool, desc: str) -> pd.DataFrame:
    from uphill.engine.fitting import answer_rooms, limited_prompts
    from uphill.engine.generation import generate
    from uphill.engine.scoring import score

    prompts = limited_prompts(loaded, zero_shot_prompts(target, items, cot), answer_rooms(loaded, items))
    if not cot:
        found = ResponseTable.of(list(score(loaded, prompts, desc=desc)))
        return chosen(items, found.logprob, found.n_tokens)
    texts, ids = [prompt.text for prompt in prompts], [prompt.item_id for prompt in prompts]
    rule = target.prompt_format(cot).answer_end
    return written(items, generate(loaded, texts, target.max_new_tokens, loaded.batch, desc, rule=rule, item_ids=ids))
