"""Zero-shot questions as trained methods put them: training items with what is learned, and test items answered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.methods.context import Source, as_scored, chosen, question_of, unanswered, written

if TYPE_CHECKING:
    from uphill.engine.fitting import Room
    from uphill.engine.loading import Loaded
    from uphill.engine.tokens import Prompt


def rooms_of(loaded: "Loaded", source: Source, items: pd.DataFrame, cot: bool, trained: bool = False) -> "list[Room]":
    """What the published limit counts for answers: of training items with what is reasoned before them."""
    from uphill.engine.fitting import answer_rooms

    put = source.prompt_format(cot)
    return answer_rooms(loaded, as_scored(items, put), reasoned=trained and cot and put.form["reasons"])


def check_reasoning(source: Source, items: pd.DataFrame) -> None:
    """Refuse items without reasoning, where the prompt asks for some.

    Raises:
        UphillError: one has none.
    """
    bare = items.index[items["reasoning"] == ""]
    if len(bare) and source.prompt_format(cot=True).form["reasons"]:
        raise UphillError(f"{source.name}: item {bare[0]!r} has no reasoning, expected some, to train on it with cot")


def zero_shot_prompts(source: Source, items: pd.DataFrame, cot: bool) -> "list[Prompt]":
    """Items in their zero-shot form, before their choices or their gold solution."""
    from uphill.engine.tokens import Prompt

    asked = source.prompt_format(cot)
    questions = [(str(row["item_id"]), question_of(row)) for row in items.reset_index().to_dict("records")]
    return [
        Prompt(item_id, asked.prompt(question), [asked.solution(question)] if cot else asked.answers(question.choices))
        for item_id, question in questions
    ]


def trained_prompts(loaded: "Loaded", source: Source, items: pd.DataFrame, cot: bool) -> "list[Prompt]":
    """Training items in their zero-shot form, within the published limit of prompts, if the model has one.

    Raises:
        UphillError: one has no reasoning, where the prompt asks for some.
    """
    from uphill.engine.fitting import limited_prompts

    if cot:
        check_reasoning(source, items)
    rooms = rooms_of(loaded, source, items, cot, trained=True)
    return limited_prompts(loaded, zero_shot_prompts(source, items, cot), rooms)


def taught_prompts(loaded: "Loaded", source: Source, items: pd.DataFrame, cot: bool) -> "list[Prompt]":
    """Training items as they are asked, each with the one answer that is learned.

    Raises:
        UphillError: one has no reasoning, where the prompt asks for some.
    """
    shown = trained_prompts(loaded, source, items, cot)
    if cot:
        return shown
    gold = zip(shown, items["answer_idx"], items["answer_text"], strict=True)
    return [
        replace(prompt, choices=[prompt.choices[int(right)] if prompt.choices else answer])
        for prompt, right, answer in gold
    ]


def text_prompts(
    loaded: "Loaded", source: Source, items: pd.DataFrame, texts: Sequence[str], cot: bool
) -> "list[Prompt]":
    """Training items as they are asked, each with the text that is learned behind it as it stands."""
    from uphill.engine.fitting import answer_rooms, limited_prompts
    from uphill.engine.tokens import Prompt

    asked, bare = source.prompt_format(cot), unanswered(items)
    rows = zip(bare.reset_index().to_dict("records"), texts, strict=True)
    shown = [Prompt(str(row["item_id"]), asked.prompt(question_of(row)), [text]) for row, text in rows]
    rooms = answer_rooms(loaded, bare.assign(choices=[[] for _ in shown], answer_text=list(texts)))
    return limited_prompts(loaded, shown, rooms)


def answered(loaded: "Loaded", target: Source, items: pd.DataFrame, cot: bool, desc: str) -> pd.DataFrame:
    """Raw predictions of items that are asked zero-shot."""
    from uphill.engine.fitting import limited_prompts
    from uphill.engine.generation import generate
    from uphill.engine.scoring import score

    prompts = limited_prompts(loaded, zero_shot_prompts(target, items, cot), rooms_of(loaded, target, items, cot))
    if not cot:
        found = ResponseTable.of(list(score(loaded, prompts, desc=desc)))
        return chosen(items, found.logprob, found.n_tokens)
    texts, ids = [prompt.text for prompt in prompts], [prompt.item_id for prompt in prompts]
    rule = target.prompt_format(cot).answer_end
    return written(items, generate(loaded, texts, target.max_new_tokens, loaded.batch, desc, rule=rule, item_ids=ids))
