"""Instance records of Every Eval Ever: one JSON line for each graded answer, with what was asked and said.

Instance schema 0.3.0, single turns. A record belongs to one result of one evaluation: here, of one cell.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.errors import UphillError
from uphill.schemas.files import written_whole
from uphill.schemas.predictions import CONDITION

VERSION = "0.3.0"
KEY = ["experiment", "variable", "train_dataset", "train_on", "boot", "n_train", "noise_p", "item_id"]
"""Columns that name an answer in predictions and in grades."""
Instance = dict[str, Any]


def sample_hash(raw: str, reference: Sequence[str]) -> str:
    """SHA-256, in hex, of what was asked and the right answers, as compact JSON with sorted keys."""
    content = {"raw": raw, "reference": list(reference)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def instances(
    items: pd.DataFrame, predictions: pd.DataFrame, grades: pd.DataFrame, model_id: str
) -> Iterator[Instance]:
    """A record for each answer, in the order of the grades.

    Args:
        items: the item table, indexed by item_id.
        predictions: raw outputs, rows of the predictions contract.
        grades: of the same answers.
        model_id: how the records call the model.

    Raises:
        UphillError: an answer has no grade or no item, or a grade no answer.
    """
    both = predictions.drop(columns=["ended"]).merge(
        grades[[*KEY, "status", "parsed", "correct", "p_gold", "grader"]],
        on=KEY,
        how="outer",
        validate="one_to_one",
        indicator=True,
        sort=False,
    )
    odd = both[(both["_merge"] != "both") | ~both["item_id"].isin(items.index)]
    if len(odd):
        known = {"left_only": "has no grade", "right_only": "is graded and not there"}
        why = known.get(str(odd.iloc[0]["_merge"]), "has no item")
        raise UphillError(f"the answer to item {odd.iloc[0]['item_id']!r} {why}, expected grades of these answers")
    asked = items.to_dict("index")
    for row in both.to_dict("records"):
        yield _instance(row, asked[row["item_id"]], model_id)


def _instance(row: Mapping[Any, Any], item: Mapping[Any, Any], model_id: str) -> Instance:
    cell = "/".join(str(row[name]) for name in ("dataset", "method", *KEY[:-1]))
    reference, choices = [str(item["answer_text"])], [str(choice) for choice in item["choices"]]
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{row['dataset']}/{model_id}/{row['method']}",
        "evaluation_result_id": f"{cell}/accuracy",
        "model_id": model_id,
        "evaluation_name": str(row["dataset"]),
        "sample_id": str(row["item_id"]),
        "sample_hash": sample_hash(str(item["question"]), reference),
        "interaction_type": "single_turn",
        "input": {"raw": str(item["question"]), "reference": reference, **({"choices": choices} if choices else {})},
        "output": {"raw": [_said(row)]},
        "answer_attribution": list(_attributed(row)),
        "evaluation": {"score": float(row["correct"]), "is_correct": bool(row["correct"])},
        "metadata": dict(_metadata(row)),
    }


def _said(row: Mapping[Any, Any]) -> str:
    """The text, or the choice that was taken; scores themselves are metadata."""
    return row["text"] if isinstance(row["text"], str) else str(row["parsed"])


def _attributed(row: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    """How the answer was read off; nothing where none was found."""
    if row["status"] == "ok":
        yield {
            "turn_idx": 0,
            "source": "output.raw",
            "extracted_value": str(row["parsed"]),
            "extraction_method": str(row["grader"]),
            "is_terminal": True,
        }


def _metadata(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Texts alone: what was trained on, how the answer was found, and scores of choices (nats) as JSON."""
    yield from ((name, str(row[name])) for name in CONDITION)
    yield "status", str(row["status"])
    for name in ("scores", "n_tokens"):
        if row[name] is not None:
            yield name, json.dumps([float(one) if name == "scores" else int(one) for one in row[name]])
    if not pd.isna(row["p_gold"]):
        yield "p_gold", repr(float(row["p_gold"]))


def write_instances(records: Iterator[Instance], path: Path) -> int:
    """Write records as JSON lines, whole or not at all; returns how many.

    Raises:
        UphillError: the file is no .jsonl, or cannot be written.
    """
    if path.suffix != ".jsonl":
        raise UphillError(f"{path}: instance records are JSON lines, expected a name that ends in .jsonl")
    count = 0
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count
