"""Edits of the finished demo, what each makes stale by itself, and the root causes that are named.

Importable by the tests beside it.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import yaml
from demo_graph import (
    LABELS,
    MEASURES,
    SPLITS,
    TABLES,
    WEAK,
    WIDE,
    correlations,
    graded,
    hardness,
    measure,
    predictions,
    questions,
    responses,
    splits,
)

Edit = Callable[[Path], None]
CONFIG = "config/config.yaml"
MODEL = "resources/demo-models/1280k"
ICL = "icl icl_cot zero_shot_cot"
METHODS = f"{ICL} zero_shot probe lora"


def append(path: str, text: str | None = None) -> Edit:
    """Edit one file without changing what it does; of a module more than a comment is new."""
    new = text or ("\nEDITED = True\n" if path.endswith(".py") else "\n# edited\n")

    def edit(folder: Path) -> None:
        (folder / path).write_text((folder / path).read_text() + new)

    return edit


def replace(path: str, old: str, new: str) -> Edit:
    """Change one thing, the first such, in one file."""

    def edit(folder: Path) -> None:
        content = (folder / path).read_text()
        assert old in content
        (folder / path).write_text(content.replace(old, new, 1))

    return edit


def config(old: str, new: str) -> Edit:
    """Change one thing in the config."""
    return replace(CONFIG, old, new)


def touch(*paths: str) -> Edit:
    """Give files a new date and no new content."""

    def edit(folder: Path) -> None:
        for path in paths:
            (folder / path).touch()

    return edit


def switch_branches_and_back(folder: Path) -> None:
    """Every tracked file of the library is written twice, and ends as it was."""
    for path in [*folder.glob("src/uphill/**/*.py"), *folder.glob("workflow/scripts/*.py"), *folder.glob("rules/*")]:
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(b"# another branch\n")
        path.unlink()
        path.write_bytes(content)


def sort_keys(folder: Path) -> None:
    """The same config with the keys of every dataset, method and measure in another order."""
    raw = yaml.safe_load((folder / CONFIG).read_text())
    for group in ("datasets", "methods", "measures"):
        raw[group] = {name: dict(sorted(entry.items(), reverse=True)) for name, entry in raw[group].items()}
    (folder / CONFIG).write_text(yaml.safe_dump(dict(reversed(raw.items())), sort_keys=False))


def each(name: Callable[[str], str], names: Iterable[str] = MEASURES) -> set[str]:
    """A job of every dataset."""
    return {name(dataset) for dataset in names}


def measured(*names: str) -> set[str]:
    """Some measures of every dataset that has them."""
    return {measure(dataset, name) for dataset, own in MEASURES.items() for name in own if name in names}


EVERY_SPLIT = each(splits, SPLITS)
SAID = {f"Labels {labels}" for labels in LABELS}
TEACHER = {splits("dial_taught by all.teacher.probe.all")}
EVERY_TABLE = {f"Table {table}" for table in TABLES}
OF_MODEL = each(responses) | predictions(f"{ICL} lora")
OF_MODELS = OF_MODEL | {responses("dial_taught", WEAK)}
OF_ROAD = (
    predictions("icl probe", "population", "dial")
    | predictions("zero_shot icl probe", "population", "road")
    | predictions("icl", "road_to_dial")
)
LADDER = {splits("dial by road_to_dial"), splits("road by road_to_dial")}  # draws as many items as its methods train on
BY_STEPS = {splits(name) for name, read in SPLITS.items() if name.startswith("dial ") and read == ["human"]}
NEW = {"Splits of road by question_num_words"}
ROW = "\n  - {dataset: road, variable: question_num_words, methods: [zero_shot]}\nall_to_all:"

EDITS: dict[str, tuple[Edit, set[str]]] = {
    # What is no change of what a job reads.
    "nothing": (touch(), set()),
    "dates": (touch("workflow/scripts/items.py", "src/uphill/schemas/items.py", "results/items/dial.parquet",
        f"{MODEL}/model.safetensors"), set()),
    "a branch and back": (switch_branches_and_back, set()),
    "a document": (append("README.md"), set()),
    "a comment in a contract": (append("src/uphill/schemas/items.py", "\n# edited\n"), set()),
    "what hides tokens": (append("src/uphill/running/secrets.py"), set()),
    "what writes files": (append("src/uphill/schemas/files.py"), set()),
    "a comment in a script": (append("workflow/scripts/splits.py", "\n# edited\n"), set()),
    "the model's card": (append(f"{MODEL}/README.md"), set()),
    "hardware": (replace("config/hardware.yaml", "mem_mb: 1800", "mem_mb: 1900"), set()),
    "a profile": (append("profiles/slurm/config.yaml"), set()),
    "a resource of a rule": (replace("rules/responses.smk", "priority: 10", "priority: 11"), set()),
    "a comment in the config": (config("seed: 0", "seed: 0  # of everything"), set()),
    "order of the config's keys": (sort_keys, set()),
    "code of the planner": (append("src/uphill/planning/cost.py"), set()),
    "a dataset that is not used": (append("src/uphill/datasets/gsm8k.py"), set()),
    "a measure that is not used": (append("src/uphill/hardness/irt.py"), set()),
    # Modules, a room at a time.
    "the world": (append("src/uphill/datasets/world.py"), each(questions)),
    "a template": (append("src/uphill/prompts/templates.py"), OF_MODELS | predictions(METHODS)),
    "scoring": (append("src/uphill/engine/scoring.py"), OF_MODELS),
    "decoding": (append("src/uphill/engine/decoding.py"), predictions(f"{ICL} lora")),
    "the probe's fit": (append("src/uphill/engine/probes.py"), measured("mdl_probe by demo") | predictions("probe")),
    "the LoRA recipe": (append("src/uphill/engine/adapters.py"), predictions("lora")),
    "surface": (append("src/uphill/hardness/surface.py"), measured("surface")),
    "description length": (append("src/uphill/hardness/description_length.py"),
        measured("mdl_zero_shot by demo", "mdl_probe by demo")),
    "levels": (append("src/uphill/hardness/levels.py"), each(hardness) | EVERY_SPLIT),
    "splits": (append("src/uphill/splits/draw.py"), EVERY_SPLIT),
    "the probe": (append("src/uphill/methods/probe.py"), predictions("probe")),
    "in-context learning": (append("src/uphill/methods/icl.py"), predictions(ICL)),
    "no supervision": (append("src/uphill/methods/zero_shot.py"), predictions("zero_shot")),
    "what a teacher says": (append("src/uphill/weak_to_strong/labels/predicted.py"),
        SAID),
    "cells": (append("src/uphill/methods/context.py"), predictions(METHODS)),
    "a grader": (append("src/uphill/grading/stated.py"), graded(predictions("icl_cot zero_shot_cot"))),
    "the grader of scores": (append("src/uphill/grading/choice.py"),
        graded(predictions("icl zero_shot probe lora")) | SAID),
    "the grading of files": (append("src/uphill/grading/stage.py"), graded(predictions(METHODS))),
    "a grader that is not used": (append("src/uphill/grading/letter.py"), set()),
    "the statistics": (append("src/uphill/stats/recovery.py"),
        {"Table population", "Table sgr", "Table accuracy_by_hardness", "Table learning_curves",
         "Table learning_curves_sgr", "Table cross_difficulty", "Table cross_difficulty_sgr",
         "Table cross_difficulty_summary", "Table weak_to_strong", WIDE}),
    "what an experiment's tables are": (append("src/uphill/tables/noisy_labels.py"), {"Table noisy_labels", WIDE}),
    "what an experiment runs": (append("src/uphill/experiments/noisy_labels.py"), set()),
    "what every table is made with": (append("src/uphill/stats/random_effects.py"), EVERY_TABLE | {WIDE}),
    "correlations": (append("src/uphill/tables/correlations.py"), each(correlations)),
    "captions": (append("src/uphill/figures/population.py"), {"Report"}),
    "the report's page": (append("src/uphill/report/report.html.j2"), {"Report"}),
    # Scripts and rules.
    "a script": (append("workflow/scripts/splits.py"), EVERY_SPLIT),
    "a rule's parameter": (replace("rules/splits.smk", "params:\n", "params:\n        more=1,\n"), EVERY_SPLIT),
    # Keys of the config.
    "seed": (config("seed: 0", "seed: 1"), each(questions)),
    "a pool": (config("pools: {hardness: 600}", "pools: {hardness: 590}"), {questions("dial")}),
    "a prompt": (config('seed: 12}\n    prompt: "0040"', 'seed: 12}\n    prompt: "0306"'),
        {responses("road")} | OF_ROAD),
    "length of answers": (config("max_new_tokens: 64", "max_new_tokens: 32"), predictions(ICL, dataset="road_written")),
    "a dataset's grader": (config("max_new_tokens: 64", "max_new_tokens: 64\n    grader: {kind: number}"),
        graded(predictions(ICL, dataset="road_written"))),
    "a dataset's grader of scores": (config('cot_prompt: "0305"',
        'cot_prompt: "0305"\n    grader: {kind: choice, norm: chars}'), graded(predictions(METHODS, dataset="dial"))),
    "a cut": (config("hard_min: 6", "hard_min: 5"), {hardness("dial")} | BY_STEPS),
    "a measure's setting": (config("boots: 5}", "boots: 4}"), measured("mdl_probe by demo")),
    "n_train": (config("splits: {boots: 5, n_train: 160", "splits: {boots: 5, n_train: 170"),
        EVERY_SPLIT - TEACHER
        - {splits(name) for name in SPLITS if name.endswith(("learning_curves", "road_to_dial"))}),
    "a setting of LoRA": (config("lr: 0.002", "lr: 0.003"), predictions("lora")),
    "examples of a prompt": (config("icl: {kind: icl, k: 8}", "icl: {kind: icl, k: 6}"), predictions("icl") | LADDER),
    "the model's dtype": (config("dtype: float32", "dtype: bfloat16"), OF_MODEL),
    "the model's BOS": (config("dtype: float32", "dtype: float32, bos: never"), OF_MODEL),
    "how answers are tokenized": (append("config/config.yaml", "\nanswers: apart\n"), OF_MODELS),
    "a limit of prompts": (append("config/config.yaml", "\nmax_prompt_tokens: 900\n"), OF_MODELS),
    "fresh test items": (config("splits: {boots: 5,", "splits: {fresh_test: true, boots: 5,"), EVERY_SPLIT - TEACHER),
    "folds": (config("splits: {boots: 5,", "splits: {folds: 5, boots: 5,"), EVERY_SPLIT - TEACHER),
    "draws": (config("draws: 10000,", "draws: 9000,"), EVERY_TABLE),
    "the margin": (config("margin: 0.1", "margin: 0.05"), EVERY_TABLE),
    "clusters": (config("n_test: 90", "n_test: 90\n    cluster: num_steps"),
        {"Table population", "Table sgr", "Table accuracy_by_hardness"}),
    "draws of correlations": (config("correlation_draws: 1000", "correlation_draws: 900"), each(correlations)),
    "sizes of a curve": (config("[10, 20, 40, 80, 160]", "[10, 20, 40, 160]"), predictions("probe", "learning_curves")),
    "noise": (config("noise: [0, 0.1, 0.2, 0.3, 0.5]", "noise: [0, 0.1]"),
        predictions("probe zero_shot", "noisy_labels")),
    "a rung": (config("min: 3, max: 3", "min: 3, max: 4"), {splits("road by road_to_dial")}),
    "another row": (config("\nall_to_all:", ROW), NEW
        | predictions("zero_shot", "population", "road")),
    # Inputs.
    "the model": (append(f"{MODEL}/config.json", "\n"), OF_MODEL),
}  # fmt: skip

CAUSES = {
    "a profile": [],
    "the probe": ["code uphill.methods.probe: edited"],
    "a setting of LoRA": ["methods.lora.lr: 0.002 -> 0.003"],
    "a prompt": ["datasets.road.prompt: 0040 -> 0306"],
    "a grader": ["code uphill.grading.stated: edited"],
    "a dataset's grader of scores": ["datasets.dial.grader.norm: none -> chars"],
    "draws": ["statistics.draws: 10000 -> 9000"],
    "the margin": ["statistics.margin: 0.1 -> 0.05"],
    "a limit of prompts": ["max_prompt_tokens: None -> 900"],
    "another row": [
        "population/question_num_words: asked for now",
        "results/splits/road/question_num_words.parquet: not made yet",
    ],
    "the model": ["models.demo: other content"],
}
"""Root causes that `make why` names, in any order."""
