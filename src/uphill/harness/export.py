"""A dataset, as it is asked here, as a task of the LM Evaluation Harness: YAML, items and code in one folder.

The harness reads choices behind a delimiter that it drops with a chat template, as this library puts no space at the
start of a model's turn: so choices are bare and the space, if there is one, is the delimiter. Values are columns of
the items, never templates, since the harness evaluates those (`[1, 2]` would become a list of two answers).
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from uphill.datasets.cells import metadata_text
from uphill.errors import UphillError
from uphill.prompts.forms import SLOT, Form
from uphill.prompts.templates import PromptFormat, Question, separator
from uphill.schemas.files import written_whole
from uphill.schemas.items import ITEMS

CODE = Path(__file__).with_name("task_code.py")
"""What becomes `utils.py`; not imported here, since it opens the datasets library."""
TASK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
ROW = dict[str, Any]


@dataclass(frozen=True)
class Written:
    """How an answer that is written is graded.

    Attributes:
        grader: a module of uphill/grading, and `settings`, its own as plain data.
        max_new_tokens: the longest answer.
        reasoned: whether reasoning is asked for first.
    """

    grader: str
    settings: Mapping[str, Any]
    max_new_tokens: int
    reasoned: bool = False


def export_task(name: str, items: pd.DataFrame, form: Form, folder: Path, written: Written | None = None) -> list[Path]:
    """Write a task's folder, and return its files; `lm_eval --include_path FOLDER --tasks NAME` finds it.

    Args:
        name: the task's.
        items: the item table, indexed by item_id; all are tested, without examples.
        form: how they are put.
        folder: where to; files of an earlier export are replaced.
        written: how written answers are graded; None scores the items' choices.

    Raises:
        UphillError: the harness cannot ask so: there are no items, or no choices, or no right one among them; prompt
            and answer are tokenized apart; or only some choices follow a space. Or a file cannot be written.
    """
    if not TASK_NAME.fullmatch(name):
        raise UphillError(f"task {name!r}: expected a name of letters, digits, dots, dashes and underscores")
    if items.empty:
        raise UphillError(f"task {name!r}: no items, expected some to test")
    asked = PromptFormat(form, cot=written is not None and written.reasoned)
    rows = [_row(str(row["item_id"]), row, asked, written) for row in items.reset_index().to_dict("records")]
    config = _scored(name, rows, form) if written is None else _generated(name, written)
    files = {f"{name}.yaml": _yaml(config), "items.jsonl": _lines(rows)}
    for file, text in files.items():
        with written_whole(folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with written_whole(folder / "utils.py") as temporary:
        shutil.copyfile(CODE, temporary)
    return [*(folder / file for file in files), folder / "utils.py"]


def _row(item_id: str, row: Mapping[Any, Any], asked: PromptFormat, written: Written | None) -> ROW:
    """An item's line: texts, lists of texts, and the place of the right choice, -1 where there are none."""
    choices = [str(choice) for choice in row["choices"]]
    question = Question(str(row["question"]), choices, str(row["answer_text"]), str(row["reasoning"]))
    grading = {} if written is None else {"grader": written.grader, "settings": dict(written.settings)}
    return {
        "id": item_id,
        "prompt": asked.prompt(question),
        "choices": choices,
        "gold": int(row["answer_idx"]) if choices and not pd.isna(row["answer_idx"]) else -1,
        "answer": question.answer,
        "question": question.question,
        "reasoning": question.reasoning,
        "metadata": json.dumps(dict(_metadata(row)), ensure_ascii=False),
        "grading": json.dumps({**grading, "heads": [asked.form["question"].partition(SLOT)[0].strip()]}),
    }


def _metadata(row: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """A dataset's own columns; JSON keeps texts, numbers, truth values and lists as graders read them."""
    for name, value in row.items():
        if name not in (*ITEMS.schema.names, "item_id"):
            yield (
                str(name),
                value if isinstance(value, str | bool | int | list) or value is None else metadata_text(value),
            )


def _scored(name: str, rows: Sequence[ROW], form: Form) -> dict[str, Any]:
    if form["answers"] == "apart":
        raise UphillError(f"task {name!r}: answers is apart, expected joined: the harness reads both as one text")
    for row in rows:
        if not row["choices"]:
            raise UphillError(f"task {name!r}: item {row['id']!r} has no choices, expected some to score")
        if row["gold"] < 0:
            raise UphillError(f"task {name!r}: item {row['id']!r} has no right choice, expected one to compare with")
    return {
        **_common(name),
        "output_type": "multiple_choice",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "target_delimiter": _delimiter(name, rows),
        "metric_list": [_mean("acc"), _mean("acc_norm")],
    }


def _delimiter(name: str, rows: Sequence[ROW]) -> str:
    """What stands between every prompt and choice: a space or nothing."""
    first, *_ = found = [(separator(row["prompt"], one), row["id"]) for row in rows for one in row["choices"]]
    other = next((item for space, item in found if space != first[0]), None)
    if other is not None:
        raise UphillError(
            f"task {name!r}: a choice of item {other!r} {'does not follow' if first[0] else 'follows'} a space and one "
            f"of item {first[1]!r} {'does' if first[0] else 'does not'}, expected choices without white space in front"
        )
    return first[0]


def _generated(name: str, written: Written) -> dict[str, Any]:
    return {
        **_common(name),
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "process_results": _Function("utils.process_results"),
        # Stop strings would fire within reasoning; the grading cuts a text where its answer is over.
        "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": written.max_new_tokens},
        "metric_list": [_mean("acc"), _mean("parsed")],
    }


def _common(name: str) -> dict[str, Any]:
    return {
        "task": name,
        "custom_dataset": _Function("utils.dataset"),
        "test_split": "test",
        "num_fewshot": 0,
        "doc_to_text": "prompt",
    }


def _mean(metric: str) -> dict[str, Any]:
    return {"metric": metric, "aggregation": "mean", "higher_is_better": True}


class _Function(str):
    """A name of the task's own code, as the harness's YAML says it."""


class _Dumper(yaml.SafeDumper):
    """Texts in quotes, so that no one is read as a number or a truth value."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))


def _yaml(config: Mapping[str, Any]) -> str:
    return yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def _lines(rows: Sequence[ROW]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
