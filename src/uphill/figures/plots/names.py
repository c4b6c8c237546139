"""What figures call things: methods, levels, hardness variables and their values, in one place.

A name that is not listed is its key with spaces for underscores, so that what a config adds needs no line here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from uphill.schemas.level_names import BIN
from uphill.schemas.names import ALL, UNSUPERVISED
from uphill.schemas.own_scales import base_of, model_of

SOURCE = "source_kind"
"""Column that says what kind of source a row's dataset is read from, which its variables' names go by."""
NAMES = {
    UNSUPERVISED: "no supervision",
    ALL: "all items",
    "test": "the test band",
    "icl": "ICL",
    "icl_cot": "ICL + CoT",
    "probe": "linear probe",
    "lora": "LoRA",
    "lora_cot": "LoRA + CoT",
    "ccs": "CCS",
    "zero_shot": "zero-shot",
    "zero_shot_cot": "zero-shot + CoT",
    "num_steps": "steps",
    "question_num_words": "question words",
    "answer_num_words": "answer words",
    "answer_num_chars": "answer characters",
    "reasoning_num_words": "reasoning words",
    "mdl_zero_shot": "MDL (zero-shot)",
    "mdl_probe": "MDL (linear probe)",
    "mdl_lora": "MDL (LoRA)",
}
VARIABLES: Mapping[str, Mapping[str, str]] = {
    "world": {"num_steps": "true steps"},
    "ai2_arc": {
        "human_grade": "school grade",
        "human_difficulty": "difficulty",
        "human_bloom": "Bloom skill",
        "human_depth_of_knowledge": "depth of knowledge",
    },
    "mmlu_stem5": {"human_hardness": "high school or college"},
}
"""By kind of source, the variables that mean something of their own there."""
VALUES: Mapping[tuple[str, str], Mapping[float, str]] = {
    ("ai2_arc", "human_difficulty"): {1: "low", 2: "medium", 3: "high"},
    ("ai2_arc", "human_bloom"): {1: "remembering", 2: "understanding", 3: "applying", 4: "analyzing", 5: "evaluating"},
    ("ai2_arc", "human_depth_of_knowledge"): {1: "I", 2: "II", 3: "III"},
    ("mmlu_stem5", "human_hardness"): {0: "high school", 1: "college"},
}
"""By kind of source and variable, the values that are no numbers to a reader."""
BITS = "_bits"


def name(key: str) -> str:
    """A level's or a method's name for readers; in brackets stays as it is what a method was taught by."""
    if key in NAMES:
        return NAMES[key]
    if " (" in key:
        method, _, labels = key.partition(" (")
        return f"{name(method)} ({labels}"
    if key.endswith(BITS):
        return f"{name(key.removesuffix(BITS))}, bits"
    if key.startswith(BIN) and key.removeprefix(BIN).isdigit():
        return f"bin {int(key.removeprefix(BIN))}"
    return key.replace("_", " ")


def variable(rows: pd.DataFrame, column: str = "variable") -> str:
    """The name of the variable of rows of one panel: as their dataset means it, where it means something of its own."""
    return variable_name(_kind(rows), str(rows[column].iloc[0]))


def variable_name(kind: str, key: str) -> str:
    """The name of a variable of a dataset that is read from some kind of source."""
    own, model = base_of(key), model_of(key)
    found = VARIABLES.get(kind, {}).get(own) or name(own)
    return f"{found} by {model}" if model else found


def values(rows: pd.DataFrame, numbers: Sequence[float]) -> list[str]:
    """What some values of the variable of rows of one panel are called."""
    said = VALUES.get((_kind(rows), str(rows["variable"].iloc[0])), {})
    return [said.get(number, f"{number:g}") for number in numbers]


def methods(table: pd.DataFrame) -> dict[str, str]:
    """A name for each method of a table, with its number of shots where that is one.

    An id that ends in this number loses it there. Two methods that would share a name keep their ids beside it.
    """
    said = {key: _with_shots(key, rows) for key, rows in _by_method(table)}
    shared = [label for label in said.values() if list(said.values()).count(label) > 1]
    return {key: f"{label} ({key})" if label in shared else label for key, label in said.items()}


def _by_method(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(key), rows) for key, rows in table.groupby("method", sort=False, observed=True)]


def _with_shots(key: str, rows: pd.DataFrame) -> str:
    counts = set(rows["k"]) if "k" in rows else set()
    if len(counts) != 1 or not (shots := int(_only(counts))):
        return name(key)
    return f"{name(key.removesuffix(f'_{shots}'))}, {shots} shots"


def _only(found: set[Any]) -> Any:
    [one] = found
    return one


def _kind(rows: pd.DataFrame) -> str:
    return str(rows[SOURCE].iloc[0]) if SOURCE in rows else ""
