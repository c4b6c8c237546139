"""Small files in the formats of the publishers of datasets, and the same as the hub lays them out.

Importable by the tests beside it.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from uphill.datasets import ai2_arc, gsm8k, mmlu_stem5, strategyqa

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = dict[str, Any]
Change = Callable[[Files], Any]

MODULES: dict[str, ModuleType] = {
    "ai2_arc": ai2_arc,
    "mmlu_stem5": mmlu_stem5,
    "strategyqa": strategyqa,
    "gsm8k": gsm8k,
}
ROWS = {"ai2_arc": 12, "mmlu_stem5": 40, "strategyqa": 4, "gsm8k": 4}


def arc_row(name: str, key: str = "B", labels: str = "ABCD") -> dict[str, Any]:
    choices = [{"text": f"{name} choice {label}", "label": label} for label in labels]
    return {"id": name, "question": {"stem": f"What is {name}?", "choices": choices}, "answerKey": key}


def arc_files() -> Files:
    """Two items a file: the second has number labels, and three or five of them in the last two files."""
    files: Files = {}
    grades = {}
    for subset, prefix in (("Easy", "ARCEZ"), ("Challenge", "ARCCH")):
        for split in ("Train", "Dev", "Test"):
            labels = "123" if (subset, split) == ("Challenge", "Dev") else "1234"
            labels = "12345" if (subset, split) == ("Challenge", "Test") else labels
            names = [f"Mercury_{subset}{split}{number}" for number in range(2)]
            files[f"ARC-{subset}-{split}.jsonl"] = [arc_row(names[0]), arc_row(names[1], labels[-1], labels)]
            for name in names:
                grades[f"{prefix}_{name}"] = {
                    "grade": "Grade 05",
                    "bloom": "Applying",
                    "depth_of_knowledge": "II",
                    "difficulty": "High",
                }
    return {**files, ai2_arc.ANNOTATIONS: grades}


def mmlu_files() -> Files:
    return {
        f"{school}_{subject}_{split}.csv": [
            [f"{school} {subject} {split} {number}?", "one, two", 'say "a"', "π", "d\nd", "ABCD"[number]]
            for number in range(2)
        ]
        for subject in mmlu_stem5.SUBJECTS
        for school in mmlu_stem5.SCHOOLS
        for split in ("val", "test")
    }


def strategyqa_row(name: str, answer: bool, steps: int) -> dict[str, Any]:
    return {
        "qid": name,
        "term": "Socks",
        "description": "clothing",
        "question": f"Is {name} so?",
        "answer": answer,
        "facts": ["One fact.", "Another fact."],
        "decomposition": [f"Step {step}?" for step in range(steps)],
    }


def strategyqa_files() -> Files:
    return {
        "train.json": [strategyqa_row("a", True, 1), strategyqa_row("b", False, 3)],
        "dev.json": [strategyqa_row("c", True, 5), strategyqa_row("d", False, 2)],
    }


def gsm8k_row(lines: int, answer: str) -> dict[str, Any]:
    reasoning = "\n".join(f"Step {line} is <<1+{line}={line + 1}>>{line + 1}." for line in range(lines))
    return {"question": f"How much after {lines}?", "answer": f"{reasoning}\n#### {answer}"}


def gsm8k_files() -> Files:
    return {
        "train.jsonl": [gsm8k_row(1, "72"), gsm8k_row(9, "1,234")],
        "test.jsonl": [gsm8k_row(10, "-5"), gsm8k_row(2, "0.5")],
    }


FILES: dict[str, Callable[[], Files]] = {
    "ai2_arc": arc_files,
    "mmlu_stem5": mmlu_files,
    "strategyqa": strategyqa_files,
    "gsm8k": gsm8k_files,
}


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        path = folder / name
        if isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        elif path.suffix == ".jsonl":
            lines = (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        elif path.suffix == ".json":
            path.write_text(json.dumps(rows), encoding="utf-8")
        else:
            with path.open("w", encoding="utf-8", newline="") as stream:
                csv.writer(stream).writerows(rows)
    return folder


def from_files(kind: str, folder: Path, files: Files, **settings: Any) -> pd.DataFrame:
    module = MODULES[kind]
    return module.load(module.Settings(folder=write(folder, files), **settings))


def hub_row(kind: str, row: Any) -> dict[str, Any]:
    """A row of the publisher's as the hub lays it out."""
    if kind == "ai2_arc":
        choices = row["question"]["choices"]
        listed = {name: [choice[name] for choice in choices] for name in ("text", "label")}
        return {**row, "question": row["question"]["stem"], "choices": listed}
    if kind == "mmlu_stem5":
        return {"question": row[0], "subject": "any", "choices": row[1:5], "answer": "ABCD".index(row[5])}
    return {name: value for name, value in row.items() if name != "evidence"}  # StrategyQA's, of lists in lists


def hub_splits(kind: str, files: Files) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Config, split and rows."""
    if kind == "strategyqa":
        yield "default", "train", [hub_row(kind, row) for rows in files.values() for row in rows]
        return
    for name, rows in files.items():
        if name == ai2_arc.ANNOTATIONS:
            continue
        config, _, split = {"ai2_arc": name.rpartition("-"), "mmlu_stem5": name.rpartition("_")}.get(
            kind, ("main", "", name)
        )
        split = {"Train": "train", "Dev": "validation", "val": "validation"}.get(Path(split).stem, Path(split).stem)
        yield config, split.lower(), [hub_row(kind, row) for row in rows]


def hub_repository(folder: Path, splits: Iterator[tuple[str, str, list[dict[str, Any]]]]) -> Path:
    """A repository of plain Parquet with a card that lists its configs, as the hub's have."""
    configs: dict[str, list[str]] = {}
    for config, split, rows in splits:
        path = folder / config / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_parquet(path)
        configs.setdefault(config, []).append(f"  - split: {split}\n    path: {config}/{split}-*\n")
    card = "".join(f"- config_name: {name}\n  data_files:\n{''.join(files)}" for name, files in configs.items())
    (folder / "README.md").write_text(f"---\nconfigs:\n{card}---\n")
    return folder
