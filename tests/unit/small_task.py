"""A task of sixty items whose states know the right choice, for methods to be tried on.

Importable by the tests beside it.
"""

import numpy as np
import pandas as pd
import pytest
from graded import graded

from uphill.engine.passes import ResponseTable
from uphill.methods.context import Cell, Context, Predicted, Source
from uphill.prompts.forms import shipped
from uphill.splits.draw import draw_splits
from uphill.splits.settings import SplitSettings

LEVELS = ["easy"] * 30 + ["hard"] * 30


def items(name: str) -> pd.DataFrame:
    count = len(LEVELS)
    return pd.DataFrame(
        {
            "question": [f"{name} {number}?" for number in range(count)],
            "choices": [["yes", "no"] if number % 5 else ["yes", "no", "never"] for number in range(count)],
            "answer_idx": pd.array([number % 2 for number in range(count)], dtype="Int64"),
            "answer_text": [["yes", "no"][number % 2] for number in range(count)],
            "reasoning": ["because"] * count,
        },
        index=pd.Index([f"{name}{number:02d}" for number in range(count)], name="item_id"),
    )


def source(name: str) -> Source:
    table = items(name)
    graded = pd.DataFrame({"level": LEVELS, "value": 0.0}, index=table.index)
    splits = draw_splits(graded, name, "v", SplitSettings(2, 10, None, 5, 0))
    forms = {template: shipped().form(template) for template in ("0040", "0140", "0302")}
    made = Source(name, table, splits, forms["0040"], shipped().form("0305"), 20, forms=forms)
    rng = np.random.default_rng(1)
    exists = np.array([[True, True, len(choices) > 2] for choices in table["choices"]])
    states = rng.normal(size=(len(table), 3, 64)).astype(np.float32)
    gold = table["answer_idx"].to_numpy(dtype=int)
    states[np.arange(len(table)), gold] += 2
    logprob = np.where(exists, np.log([0.2, 0.5, 0.3]), -np.inf)
    # A frozen dataclass with a cached property: the value is set as reading the shards would set it.
    made.__dict__["responses"] = ResponseTable(
        list(table.index), logprob, exists.astype(int), exists, states * exists[..., None]
    )
    return made


def task(*train_from: str) -> Context:
    target = source("a")
    sources = [target if name == "a" else source(name) for name in (train_from or ("a",))]
    columns = {"method": "x", "experiment": "e", "model": "m", "k": None, "cot": False, "prompt": "0040"}
    return Context(target, sources, "v", 0, lambda: pytest.fail("no model is needed"), columns)


def judged(study: Context, predicted: Predicted) -> dict[Cell, pd.DataFrame]:
    """Grades of each cell."""
    return {cell: graded(frame, study.target.items) for cell, frame in predicted}
