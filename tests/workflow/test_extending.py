"""The README's worked examples, run as written: dataset, model, measure, method and grader, and nothing else edited."""

import json
import random
import re
import shutil
from typing import Any

import pandas as pd
import yaml
from conftest import Checkout, shrink

BLOCK = re.compile(r"```(yaml|python)\n# (\S+)[^\n]*\n(.*?)```", re.DOTALL)


def exam(count: int = 200) -> list[dict[str, Any]]:
    """Sums of two numbers, graded by how large they are."""
    rng = random.Random(0)
    rows = []
    for number in range(count):
        a, b = rng.randrange(1, 10), rng.randrange(1, 10)
        options = rng.sample(range(20), 4)
        gold = rng.randrange(4)
        options[gold] = a + b if a + b not in options else options[gold]
        rows.append(
            {
                "key": f"e{number}",
                "stem": f"{a} and {b}?",
                "options": [str(o) for o in options],
                "gold": gold,
                "grade": a,
            }
        )
    return rows


def test_readme_examples_run_as_written(checkout: Checkout) -> None:
    blocks = BLOCK.findall((checkout.folder / "README.md").read_text())
    entries = [yaml.safe_load(body) for _, where, body in blocks if where == "config:"]
    modules = {where: body for kind, where, body in blocks if kind == "python"}
    assert [next(iter(entry)) for entry in entries] == ["datasets", "models", "hardness", "methods", "datasets"]
    rooms = ["hardness/digits", "methods/nearest", "grading/last_word"]
    assert list(modules) == [f"src/uphill/{room}.py" for room in rooms]
    for path, body in modules.items():
        assert not (checkout.folder / path).exists()
        (checkout.folder / path).write_text(body)
    (checkout.folder / "my").mkdir()
    (checkout.folder / "my/exam.jsonl").write_text("\n".join(map(json.dumps, exam())))
    shutil.copytree(checkout.folder / "resources/demo-model", checkout.folder / "my/model")

    def study(raw: dict[str, Any]) -> None:
        shrink(raw)
        for entry in entries:
            for group, added in entry.items():
                for name, keys in added.items():
                    raw[group][name] = raw[group].get(name, {}) | keys
        raw["measures"]["mdl_probe"] |= {"sizes": [5], "boots": 1}
        raw["splits"] |= {"n_train": 20, "min_test": 6}
        raw["test_models"] = ["mine"]
        raw["methods"]["written"] = {"kind": "icl", "k": 0, "cot": True}
        methods = ["zero_shot", "nearest", "written"]
        raw["population"] = [{"dataset": "exam", "variable": "grade", "methods": methods}]

    config = checkout.configure(study)
    targets = ("results/tables/population.csv", "results/hardness/exam.parquet")
    run = checkout.snakemake(*targets, "--configfile", config)
    assert run.status == 0, run.output[-4000:]
    table = pd.read_csv(checkout.folder / "results/tables/population.csv")
    assert set(table["method"]) == {"zero_shot", "nearest", "written"}
    for method, grader in {"nearest": "choice", "written": "last_word"}.items():
        grades = pd.read_parquet(checkout.folder / f"results/grades/{method}/mine/exam.parquet")
        assert set(grades["grader"]) == {grader}
    texts = pd.read_parquet(checkout.folder / "results/predictions/written/mine/exam.parquet")["text"]
    assert grades["parsed"].tolist() == [text.split()[-1].strip(".") if text else "" for text in texts]
    assert table["parse_rate"].notna().tolist() == table["method"].eq("written").tolist()
    assert set(table["dataset"]) == {"exam"}
    assert set(table["model"]) == {"mine"}
    hardness = pd.read_parquet(checkout.folder / "results/hardness/exam.parquet")
    digits = hardness[hardness["variable"] == "digits"].set_index("item_id")["value"]
    assert set(digits) == {2.0}
    assert set(hardness["variable"]) >= {"grade", "digits", "mdl_zero_shot", "mdl_probe", "question_num_words"}
