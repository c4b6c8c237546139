"""The demo's study at its smallest, with models that are trained in it.

Importable by tests of any folder.
"""

import copy
from typing import Any

import yaml
from conftest import ROOT, shrink

QUICK = {"epochs": 1, "batch_items": 8, "lr": 0.001, "clip": 1.0}
TEACHER, STUDENT, CHAINED = (
    *("Training the adapter teacher", "Training all weights of student", "Training the adapter chained"),
)
MODELS = ["demo", "teacher", "student", "chained"]


def trained(raw: dict[str, Any]) -> None:
    """A teacher on right answers; a student on reasoning; a student of the teacher's on what a probe of it says."""
    shrink(raw)
    dial = raw["datasets"]["dial"]
    dial["source"]["n_items"] = 320
    dial["pools"] = {"hardness": 30, "supervisor": 40, "test": {"column": "answer_idx", "is": [0]}}
    raw["measures"] = {"human": {"kind": "human"}}
    raw["recipes"] = {
        "low_rank": {**QUICK, "adapter": {"r": 4, "alpha": 8}},
        "whole": {**QUICK, "lr": 0.0001, "cot": True, "updates": 12},
    }
    raw["labels"] = {
        "right": {"kind": "gold", "dataset": "dial", "pool": "supervisor"},
        "reasoned": {"kind": "gold", "dataset": "dial"},
        "said": {"kind": "predicted", "dataset": "dial", "method": "probe", "model": "teacher"},
    }
    raw["models"] |= {
        "teacher": {"trained": {"base": "demo", "labels": "right", "recipe": "low_rank"}},
        "student": {"trained": {"base": "demo", "labels": "reasoned", "recipe": "whole"}},
        "chained": {"trained": {"base": "teacher", "labels": "said", "recipe": "low_rank"}},
    }
    raw["splits"]["n_test"] = 12
    raw["test_models"] = [*MODELS]
    raw["population"] = [{"dataset": "dial", "variable": "num_steps", "methods": ["zero_shot", "probe"]}]


def study() -> dict[str, Any]:
    """The config of it."""
    raw: dict[str, Any] = copy.deepcopy(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    trained(raw)
    return raw
