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
    groups = [group for entry in entries for group in entry]
    assert groups == ["datasets", "models", "measures", "methods", "datasets", "methods", "test_models", "population"]
    rooms = ["hardness/digits", "methods/nearest", "grading/last_word"]
    assert list(modules) == [f"src/uphill/{room}.py" for room in rooms]
    for path, body in modules.items():
        assert not (checkout.folder / path).exists()
        (checkout.folder / path).write_text(body)
    (checkout.folder / "my").mkdir()
    (checkout.folder / "my/exam.jsonl").write_text("\n".join(map(json.dumps, exam())))
    shutil.copytree(checkout.folder / "resources/demo-models/106k", checkout.folder / "my/model")

    def study(raw: dict[str, Any]) -> None:
        shrink(raw)
        for entry in entries:
            for group, added in entry.items():
                if isinstance(added, list):
                    raw[group] = added
                else:
                    raw[group] |= {name: raw[group].get(name, {}) | keys for name, keys in added.items()}
        raw["measures"]["mdl_probe"] |= {"sizes": [5], "boots": 1}
        raw["splits"] |= {"n_train": 20, "min_test": 6}

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


MIXTURES = {
    "experiments": '''
from pydantic import Field

from uphill.experiments.arms import Arm, Given, Level, Tested

PLACE, NAMED = 9, False
DESCRIPTION = "Rows of the mixtures."


class Mixtures(Tested):
    """Training items of the easiest level, of the hardest, and of both."""

    dataset: str = Field(description="The dataset.")
    variable: str = Field(description="The variable.")
    methods: list[str] = Field(description="Methods.")


Entry = Mixtures


def arms(entry, name, given: Given):
    first, *_, last = given.levels(entry.dataset, entry.variable)
    both = Level("zigzag", entry.variable, (*first.parts, *last.parts))
    run = (tuple(entry.methods), entry.tested(given))
    order = (first, both, last)
    trained = tuple(level.name for level in order)
    return [Arm(name, entry.dataset, entry.variable, order, *run, train_on=trained, test_on=(last.name,))]


def settings(arms):
    return {"said": [arm.dataset for arm in arms]}
''',
    "tables": """
from uphill.tables.accuracy import of_levels
from uphill.tables.layouts import ACCURACY, on_hardest
from uphill.tables.table import Table
from uphill.tables.wide import Part, WideLayout

ROWS = ("model", "dataset", "variable", "method", "train_dataset")
LAYOUT = WideLayout(ROWS, (Part("{supervision}", ACCURACY, ("rank",)),), on_hardest)


def reduce(inputs):
    return of_levels(inputs).assign(said=",".join(inputs.own["said"]))


TABLES = {"mixtures": Table(reduce, "Both ends", "What both ends teach.", LAYOUT)}
""",
    "figures": """
from uphill.figures.figure import Figure

FIGURES = {"both_ends": Figure("mixtures", "train_levels", "How both ends teach.")}
""",
}
"""The three modules of an experiment that the project does not have; one of its levels is two of its variable's."""


def test_an_experiment_is_three_modules_and_nothing_else(checkout: Checkout) -> None:
    for room, body in MIXTURES.items():
        (checkout.folder / f"src/uphill/{room}/mixtures.py").write_text(f'"""Mixtures of levels."""\n{body}')

    def study(raw: dict[str, Any]) -> None:
        shrink(raw)
        raw["measures"] = {"human": {"kind": "human"}, "surface": {"kind": "surface"}}
        raw["population"][0]["methods"] = ["zero_shot"]
        raw["mixtures"] = [{"dataset": "dial", "variable": "num_steps", "methods": ["probe"]}]

    config = checkout.configure(study)
    run = checkout.snakemake("results/report.html", "--configfile", config)
    assert run.status == 0, run.output[-4000:]
    results = checkout.folder / "results"
    splits = pd.read_parquet(results / "splits/dial/num_steps.mixtures.parquet")
    levels = pd.read_parquet(results / "hardness/dial.parquet").set_index(["item_id", "variable"])["level"]
    mixed = splits.loc[(splits["train_on"] == "zigzag") & (splits["role"] == "train"), "item_id"]
    assert {levels[item, "num_steps"] for item in mixed} == {"easy", "hard"}
    table = pd.read_csv(results / "tables/mixtures.csv", keep_default_na=False)
    assert table.loc[table["method"] == "probe", "train_on"].tolist() == ["easy", "zigzag", "hard"]
    assert set(table["said"]) == {"dial"}
    printed = pd.read_csv(results / "tables/wide/mixtures.csv")
    assert printed.columns.tolist()[-4:] == ["Unsupervised", "Easy", "zigzag", "Hard"]
    assert (results / "figures/both_ends.pdf").is_file()
    page = (results / "report.html").read_text()
    for said in ("Both ends</h3>", "What both ends teach.", "How both ends teach."):
        assert said in page
    refused = checkout.snakemake("--dry-run", "--configfile", checkout.configure(misnamed))
    said = "ladders.both_ends: the name is taken or has dots, expected a name of its own"
    assert refused.errors == [f"error: mine.yaml: {said}"]


def misnamed(raw: dict[str, Any]) -> None:
    """A ladder that is called like the new experiment's figure."""
    raw["ladders"] = {"both_ends": raw["ladders"]["road_to_dial"]}
