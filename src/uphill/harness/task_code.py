"""The Python of an exported task. `export` copies this file into the task's folder, where the harness imports it.

It is imported alone there, so that only grading needs this library.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]

COLUMNS = {
    **dict.fromkeys(
        ("id", "prompt", "question", "answer", "reasoning", "metadata", "grading"), datasets.Value("string")
    ),
    "choices": datasets.Sequence(datasets.Value("string")),
    "gold": datasets.Value("int64"),
}
"""Every column's type, said so that none is guessed: of a file of dates the harness would otherwise see dates."""


def dataset(**_: Any) -> dict[str, datasets.Dataset]:
    """The items, from the file beside this one: the harness looks for them in its split `test`."""
    lines = Path(__file__).with_name("items.jsonl").read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    return {"test": datasets.Dataset.from_dict(columns, datasets.Features(COLUMNS))}


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Grade a text as the study does: cut where the answer is over, then read by the dataset's grader."""
    from uphill.grading.grade import Item, Output
    from uphill.grading.stage import grader
    from uphill.prompts.extraction import QUESTION_HEADS, answer_end

    settings = json.loads(doc["grading"])
    [text] = results
    text = text[: answer_end(text, (*QUESTION_HEADS, *settings["heads"]))].strip()
    gold = doc["gold"] if doc["choices"] else None
    item = Item(doc["question"], list(doc["choices"]), gold, doc["answer"], json.loads(doc["metadata"]))
    grade = grader(settings)(item, Output(text))
    return {"acc": float(grade.correct), "parsed": float(grade.status == "ok")}
