"""A study with Alice in short, on the demo's world."""

from typing import Any

from uphill.prompts.templates import Question, published

SOLVED = (
    Question("This cart leaves mile 3. Birds sing. Westward 1. Which mile now?", (), "2", "3 westward 1 makes 2."),
    Question("This cart leaves mile 9. Eastward 6. Rain falls. Which mile now?", (), "15", "9 eastward 6 makes 15."),
)
EXAMPLES = "\n\n".join(published("0305", cot=True).example(one) for one in SOLVED)
ASKS = {
    # In the words that demo models know, who have no end of a turn.
    "doubt_number": {"text": "{question}\n{answers}\nA:", "ends": "line", "graded": False},
    "rewrite_number": {"text": EXAMPLES + "\n\n{own}\n{theirs}\n{doubt}\n\n{question}\nA:", "ends": "statement"},
}

MODELS = {name: {"path": f"resources/demo-models/{name}", "dtype": "float32"} for name in ("340k", "614k", "1280k")}
ENTRY: dict[str, Any] = {
    "dataset": "road",
    "variable": "num_steps",
    "kind": "number",
    "teacher": "340k",
    "student": "1280k",
    "recipe": "lora",
    "method": "zero_shot_cot",
    "supervision": "gold",
    "n": 3,
}


def raw(entries: dict[str, dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A config whose entries of `alice` are ENTRY with changes."""
    road = {
        "source": {"kind": "world", "domain": "road", "n_items": 90, "seed": 13, "generative": True},
        "prompt": "0306",
        "cot_prompt": "0305",
        "human": ["num_steps"],
        "cuts": {"num_steps": {"easy_max": 2, "hard_min": 6}},
        "pools": {"hardness": 0, "supervisor": 30, "test": 30},
        "unsupervised": "zero_shot_cot",
        "max_new_tokens": 56,
    }
    recipe = {"adapter": {"r": 4, "alpha": 8}, "lr": 0.002, "epochs": 1, "batch_items": 8, "clip": 1.0, "cot": True}
    return {
        "datasets": {"road": road},
        "models": dict(MODELS),
        "measures": {"human": {"kind": "human"}},
        "hardness_models": ["1280k"],
        "methods": {"zero_shot_cot": {"kind": "icl", "k": 0, "cot": True}},
        "recipes": {"lora": recipe},
        "splits": {"boots": 1, "n_train": 4, "min_test": 4},
        "test_models": ["1280k"],
        "asks": ASKS,
        "alice": {name: {**ENTRY, **own} for name, own in entries.items()},
        **changes,
    }
