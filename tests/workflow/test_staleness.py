"""Exactly the right things rerun, and a half-finished rerun is never read as a result.

Each edit is made in a copy of the finished demo, alone, and says what it makes stale by itself; what follows from that
is read off `demo_graph`, and has to be what a dry run would run: no job less, no job more. An edit makes a job stale by
its identity, which is computed here in a moment; that Snakemake runs what has another identity, and what reads its
files, is seen in whole dry runs: of what identities do not show, of an edit for each rule, and of five more; at night,
of all.
"""

import os
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Checkout, copy_demo
from demo_graph import (
    MEASURES,
    SPLITS,
    TABLES,
    WIDE,
    Graph,
    correlations,
    graded,
    graph,
    hardness,
    measure,
    predictions,
    questions,
    responses,
    splits,
    stale,
)

from uphill.identity import code, files
from uphill.planning.study import read_study
from uphill.workflow.jobs import Job, code_digest

Edit = Callable[[Path], None]
CONFIG = "config/config.yaml"
MODEL = "resources/demo-model"
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
EVERY_TABLE = {f"Table {table}" for table in TABLES}
OF_MODEL = each(responses) | predictions(f"{ICL} lora")
OF_ROAD = (
    predictions("zero_shot icl probe", "population", "dial")
    | predictions("zero_shot icl probe", "population", "road")
    | predictions("zero_shot icl", "road_to_dial")
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
    "a template": (append("src/uphill/prompts/templates.py"), each(responses) | predictions(METHODS)),
    "scoring": (append("src/uphill/engine/scoring.py"), OF_MODEL),
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
    "cells": (append("src/uphill/methods/context.py"), predictions(METHODS)),
    "a grader": (append("src/uphill/grading/stated.py"), graded(predictions("icl_cot zero_shot_cot"))),
    "the grader of scores": (append("src/uphill/grading/choice.py"),
        graded(predictions("icl zero_shot probe lora"))),
    "the grading of files": (append("src/uphill/grading/stage.py"), graded(predictions(METHODS))),
    "a grader that is not used": (append("src/uphill/grading/letter.py"), set()),
    "the statistics": (append("src/uphill/stats/recovery.py"),
        {"Table population", "Table sgr", "Table accuracy_by_hardness", WIDE}),
    "what an experiment's tables are": (append("src/uphill/tables/noisy_labels.py"), {"Table noisy_labels", WIDE}),
    "what an experiment runs": (append("src/uphill/experiments/noisy_labels.py"), set()),
    "what every table is made with": (append("src/uphill/stats/panel.py"), EVERY_TABLE | {WIDE}),
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
    "n_train": (config("splits: {boots: 3, n_train: 160", "splits: {boots: 3, n_train: 170"),
        EVERY_SPLIT - {splits(name) for name in SPLITS if name.endswith(("learning_curves", "road_to_dial"))}),
    "a setting of LoRA": (config("lr: 0.002", "lr: 0.003"), predictions("lora")),
    "examples of a prompt": (config("icl: {kind: icl, k: 8}", "icl: {kind: icl, k: 6}"), predictions("icl") | LADDER),
    "the model's dtype": (config("dtype: float32", "dtype: bfloat16"), OF_MODEL),
    "the model's BOS": (config("dtype: float32", "dtype: float32, bos: never"), OF_MODEL),
    "how answers are tokenized": (append("config/config.yaml", "\nanswers: apart\n"), OF_MODEL),
    "a limit of prompts": (append("config/config.yaml", "\nmax_prompt_tokens: 900\n"), OF_MODEL),
    "fresh test items": (config("splits: {boots: 3,", "splits: {fresh_test: true, boots: 3,"), EVERY_SPLIT),
    "folds": (config("splits: {boots: 3,", "splits: {folds: 3, boots: 3,"), EVERY_SPLIT),
    "draws": (config("draws: 10000,", "draws: 9000,"), EVERY_TABLE),
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
    "a limit of prompts": ["max_prompt_tokens: None -> 900"],
    "another row": [
        "population/question_num_words: asked for now",
        "results/splits/road/question_num_words.parquet: not made yet",
    ],
    "the model": ["models.demo: other content"],
}
"""Root causes that `make why` names, in any order."""


@pytest.fixture(scope="session")
def demo_graph(demo: Checkout) -> Graph:
    """What reads what in the finished demo; `demo` runs in the project itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return graph(demo.folder)


def why(checkout: Checkout) -> tuple[list[str], set[str]]:
    """The causes that `make why` names, and all the jobs."""
    run = checkout.python("-m", "uphill", "why", "--full")
    assert run.status == 0, run.output[-3000:]
    lines = [line for line in run.output.splitlines()[1:] if line]
    causes = [line for line in lines if not line.startswith(" ")]
    named = [line.strip() for line in lines if line.startswith(" ")]
    return causes, {line for line in named if not re.match(r"and \d+ jobs? downstream", line)}


UNSEEN = ("dates", "a rule's parameter")
"""What is Snakemake's alone to judge: dates of results, and parameters that are no part of an identity."""
BY_SNAKEMAKE = (*UNSEEN, "a branch and back", "a profile", "a resource of a rule", "another row", "the model")
BY_RULE = {
    "items": "the world",
    "responses": "a prompt",
    "measure": "surface",
    "measure_from_responses": "a measure's setting",
    "hardness": "a cut",
    "splits": "n_train",
    "predictions_from_responses": "the probe",
    "predictions_on_model": "a setting of LoRA",
    "grade": "a grader",
    "table": "draws",
    "correlations": "draws of correlations",
    "wide": "the statistics",
    "report": "captions",
}
"""An edit that changes the identity of a rule's jobs themselves; of figures there is a test of its own."""
SEED = int(os.environ.get("UPHILL_SEED", "0"))
ALWAYS = {*BY_SNAKEMAKE, *BY_RULE.values(), *CAUSES}
DRAWN = random.Random(SEED).sample(sorted(EDITS.keys() - ALWAYS), 5)
DRY_RUNS = [
    pytest.param(name, marks=[] if name in (*ALWAYS, *DRAWN) else pytest.mark.nightly, id=name) for name in EDITS
]


@pytest.fixture(scope="module")
def copied_demo(demo: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the project with the demo's results."""
    return copy_demo(demo, tmp_path_factory.mktemp("edited") / "copy")


@pytest.fixture
def edited(copied_demo: Checkout, demo: Checkout) -> Iterator[Checkout]:
    """That copy, to edit files of; afterwards it is as it was."""
    yield copied_demo
    _put_back(copied_demo, demo)


@pytest.fixture
def restored(restored_demo: Checkout, demo: Checkout) -> Iterator[Checkout]:
    """Another copy, without what Snakemake wrote down; afterwards it is as it was."""
    yield restored_demo
    _put_back(restored_demo, demo)


@pytest.fixture(scope="module")
def restored_demo(demo: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The demo's results as they come back from a backup."""
    found = copy_demo(demo, tmp_path_factory.mktemp("restored") / "copy")
    shutil.rmtree(found.folder / ".snakemake")
    return found


def _put_back(copy: Checkout, demo: Checkout) -> None:
    for path in copy.folder.rglob("*"):
        name = path.relative_to(copy.folder)
        if path.is_file() and name.parts[0] != ".snakemake" and not _alike(path, demo.folder / name):
            shutil.copy2(demo.folder / name, path)


def _alike(path: Path, original: Path) -> bool:
    found, expected = path.stat(), original.stat()
    return (found.st_size, found.st_mtime_ns) == (expected.st_size, expected.st_mtime_ns)


def jobs_of(folder: Path) -> list[Job]:
    """The jobs of a folder's study, with identities by that folder's files and code, whatever was asked before."""
    for asked in (code.code_contents, files.file_digest, files.folder_digest, code_digest):
        asked.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(code, "SOURCE", folder / "src/uphill")
        study = read_study(Path(CONFIG))
        study.check()
        return study.jobs


def identities(folder: Path) -> dict[str, str]:
    """The identity of each job, by its message."""
    return {job.title: job.id for job in jobs_of(folder)}


@pytest.fixture(scope="module")
def before(copied_demo: Checkout) -> dict[str, str]:
    """Identities of the demo's jobs before any edit."""
    return identities(copied_demo.folder)


@pytest.mark.parametrize("name", [name for name in EDITS if name not in UNSEEN])
def test_an_edit_changes_the_identity_of_what_it_made_stale(
    edited: Checkout, demo_graph: Graph, before: dict[str, str], name: str
) -> None:
    edit, roots = EDITS[name]
    assert roots <= {*demo_graph, *NEW}
    edit(edited.folder)
    after = identities(edited.folder)
    assert before.keys() <= after.keys()
    changed = {job for job, made in after.items() if before.get(job) != made}
    # A file may be made again for what another job reads of it; who reads the rest of it runs, and is what it was.
    assert roots <= changed <= stale(demo_graph, roots)


@pytest.mark.parametrize("name", DRY_RUNS)
def test_an_edit_reruns_what_it_made_stale(edited: Checkout, demo_graph: Graph, name: str) -> None:
    edit, roots = EDITS[name]
    edit(edited.folder)
    run = edited.snakemake("--dry-run")
    assert run.status == 0, run.output[-3000:]
    assert set(run.jobs) == stale(demo_graph, roots)
    if name in CAUSES:
        causes, jobs = why(edited)
        assert jobs == set(run.jobs)
        assert sorted(causes) == sorted(CAUSES[name])


CODE = "code edited (no run wrote down of which modules it was made)"
RESTORED = {
    "nothing": [],
    "seed": ["seed: 0 -> 1"],
    "draws": ["statistics.draws: 10000 -> 9000"],
    "a cut": ["datasets.dial.cuts.num_steps.hard_min: 6.0 -> 5.0"],
    "the model's dtype": ["models.demo.dtype: float32 -> bfloat16"],
    "a setting of LoRA": ["methods.lora.lr: 0.002 -> 0.003"],
    "the probe": [CODE],
    "captions": [CODE],
}
"""Edits of a copy that has the results and nothing of Snakemake's, each with the root causes that are named."""


@pytest.mark.parametrize("name", RESTORED)
def test_results_that_were_copied_are_held_to_what_they_record(
    restored: Checkout, demo_graph: Graph, name: str
) -> None:
    edit, roots = EDITS[name]
    edit(restored.folder)
    run = restored.snakemake("--dry-run")
    assert run.status == 0, run.output[-3000:]
    assert set(run.jobs) == stale(demo_graph, roots)
    causes, jobs = why(restored)
    assert jobs == set(run.jobs)
    assert sorted(causes) == sorted(RESTORED[name])


@pytest.mark.parametrize("content", [None, "", "{}", '{"spec": {"id": 7}}'])
def test_a_page_of_which_nothing_says_what_made_it_is_made_again(restored: Checkout, content: str | None) -> None:
    record = restored.folder / "results/.made/report.html.json"
    kept = record.read_text()
    record.unlink()
    if content is not None:
        record.write_text(content)
    assert restored.snakemake("--dry-run").jobs == ["Report"]
    assert why(restored) == (["results/report.html: nothing says what made it"], {"Report"})
    record.write_text(kept)


def test_every_rule_has_an_edit_that_is_tried_in_a_dry_run(copied_demo: Checkout) -> None:
    rules = {job.title: job.rule for job in jobs_of(copied_demo.folder)}
    assert {*BY_RULE, "figure"} == set(rules.values())
    for rule, name in BY_RULE.items():
        assert rule in {rules[job] for job in EDITS[name][1]}


def test_the_graph_names_every_job(checkout: Checkout, demo_graph: Graph) -> None:
    assert stale(demo_graph, demo_graph) == set(checkout.snakemake("--dry-run").jobs)


def test_a_figure_reruns_itself_and_the_report(edited: Checkout, demo_graph: Graph, before: dict[str, str]) -> None:
    figures = {node for node in demo_graph if node.startswith("Figure ")}
    append("src/uphill/figures/plots/sgr.py")(edited.folder)
    assert set(edited.snakemake("--dry-run").jobs) == {"Figure sgr", "Report"}
    append("src/uphill/figures/plots/style.py")(edited.folder)
    after = identities(edited.folder)
    assert {job for job, made in after.items() if before[job] != made} == figures | {"Report"}


def test_a_file_that_was_deleted_or_changed_by_hand_is_told(demo_copy: Checkout, demo_graph: Graph) -> None:
    (demo_copy.folder / "results/tables/sgr.csv").unlink()
    causes, jobs = why(demo_copy)
    assert causes == ["results/tables/sgr.csv: made before, but no longer there"]
    assert jobs == stale(demo_graph, {"Table sgr"}) == set(demo_copy.snakemake("--dry-run").jobs)
    table = demo_copy.folder / "results/tables/learning_curves.csv"
    table.unlink()  # the demo's own file is another
    table.write_text("mine")
    causes, jobs = why(demo_copy)
    assert "results/tables/learning_curves.csv: changed by hand" in causes
    assert jobs == set(demo_copy.snakemake("--dry-run").jobs)


def test_a_file_of_items_reruns_its_dataset(checkout: Checkout) -> None:
    path = checkout.folder / "mine.jsonl"
    row = '{{"item_id": "m{0}", "question": "{0}?", "choices": ["a", "b"], "answer": 0, "grade": {1}}}\n'
    path.write_text("".join(row.format(number, number % 3) for number in range(900)))

    def study(raw: dict) -> None:  # type: ignore[type-arg]
        raw["datasets"]["mine"] = {"source": {"kind": "file", "path": "mine.jsonl"}, "prompt": "0040",
                                   "human": ["grade"], "pools": {"hardness": 20}}  # fmt: skip
        raw["population"].append({"dataset": "mine", "variable": "grade", "methods": ["zero_shot"]})

    named = ("results/items/mine.parquet", "results/items/dial.parquet", "--configfile", checkout.configure(study))
    run = checkout.snakemake(*named)
    assert run.status == 0, run.output[-3000:]
    path.touch()
    assert checkout.snakemake("--dry-run", *named).jobs == []
    path.write_text(path.read_text().replace('"0?"', '"zero?"'))
    assert checkout.snakemake("--dry-run", *named).jobs == ["Questions of mine"]


def test_an_edited_grader_loads_no_model(demo_copy: Checkout) -> None:
    append("src/uphill/grading/stated.py")(demo_copy.folder)
    before = (demo_copy.folder / "results/tables/population.csv").read_bytes()
    run = demo_copy.snakemake("results/tables/population.csv")
    assert run.status == 0, run.output[-3000:]
    again = graded(predictions("icl_cot zero_shot_cot"))
    assert set(run.jobs) == {*again, "Table population"}
    assert (demo_copy.folder / "results/tables/population.csv").read_bytes() == before


def test_tables_refuse_predictions_of_another_config(demo_copy: Checkout) -> None:
    """As after a rerun that stopped half-way: old grades, new config, and somebody who asks for the table only."""
    replace("config/config.yaml", "lr: 0.002", "lr: 0.003")(demo_copy.folder)
    grades = "results/grades/lora/demo/dial.parquet"
    arguments = ("results/tables/population.csv", "--allowed-rules", "table")
    before = (demo_copy.folder / "results/tables/population.csv").read_bytes()
    run = demo_copy.snakemake(*arguments)
    assert run.status != 0
    wrong = f"made by another config or by older code; to have it made again: rm {grades}, then run the workflow again"
    assert run.errors == [f"error: {grades}: 'population/num_steps' {wrong}"]
    assert before  # what Snakemake removes before a run can be made again; a wrong table can not be unread
    assert not (demo_copy.folder / "results/tables/population.csv").exists()
