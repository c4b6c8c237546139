"""Exactly the right things rerun, and a half-finished rerun is never read as a result.

Each edit is made in a copy of the finished demo, alone, and says what it makes stale by itself; what follows from that
is read off `demo_graph`, and has to be what a dry run would run: no job less, no job more. An edit makes a job stale by
its identity, which is computed here in a moment; that Snakemake runs what has another identity, and what reads its
files, is seen in whole dry runs: of what identities do not show, of an edit for each kind of job, and of two more; at
night of all, one for each rule among them.
"""

import os
import random
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Checkout, copy_demo
from demo_edits import CAUSES, CONFIG, EDITS, NEW, append, replace
from demo_graph import (
    Graph,
    graded,
    graph,
    predictions,
    stale,
)

from uphill.identity import code, files
from uphill.planning.study import read_study
from uphill.workflow.jobs import Job, code_digest
from uphill.workflow.records import of_another_day
from uphill.workflow.study import Study


@pytest.fixture(scope="session")
def demo_graph(demo: Checkout) -> Graph:
    """What reads what in the finished demo; `demo` runs in the project itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return graph(demo.folder)


def why(checkout: Checkout) -> tuple[list[str], set[str]]:
    """The causes that `make why` names, and all the jobs."""
    run = checkout.uphill("why", "--full")
    assert run.status == 0, run.output[-3000:]
    lines = [line for line in run.output.splitlines()[1:] if line]
    causes = [line for line in lines if not line.startswith(" ")]
    named = [line.strip() for line in lines if line.startswith(" ")]
    return causes, {line for line in named if not re.match(r"and \d+ jobs? downstream", line)}


UNSEEN = ("dates", "a rule's parameter")
"""What is Snakemake's alone to judge: dates of results, and parameters that are no part of an identity."""
BY_RULE = {
    "items": "the world",
    "responses": "a prompt",
    "measure": "surface",
    "measure_from_responses": "a measure's setting",
    "hardness": "a cut",
    "splits": "n_train",
    "predictions_from_responses": "the probe",
    "predictions_on_model": "a setting of LoRA",
    "label": "what a teacher says",
    "grade": "a grader",
    "table": "draws",
    "correlations": "draws of correlations",
    "wide": "the statistics",
    "report": "captions",
}
"""An edit that changes the identity of a rule's jobs themselves; of figures there is a test of its own."""
SEED = int(os.environ.get("UPHILL_SEED", "0"))
ALWAYS = {*UNSEEN, "another row", "the model", "n_train", "a grader", "draws"}
DRAWN = random.Random(SEED).sample(sorted(EDITS.keys() - ALWAYS), 2)


def of_night(names: Iterable[str], but: Collection[str]) -> list[Any]:
    """Names, of which all but some are tried at night only."""
    return [pytest.param(name, marks=[] if name in but else pytest.mark.nightly, id=name) for name in names]


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


@contextmanager
def study_in(folder: Path) -> Iterator[Study]:
    """The study of a folder to be in, with identities by that folder's files and code, whatever was asked before."""
    for asked in (code.code_contents, files.file_digest, files.folder_digest, code_digest):
        asked.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(code, "SOURCE", folder / "src/uphill")
        study = read_study(Path(CONFIG))
        study.check()
        yield study


def jobs_of(folder: Path) -> list[Job]:
    """The jobs of that study."""
    with study_in(folder) as study:
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


@pytest.mark.parametrize("name", of_night(EDITS, but=(*ALWAYS, *DRAWN)))
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


@pytest.mark.parametrize("name", of_night(RESTORED, but=("nothing", "seed", "the probe")))
def test_results_that_were_copied_are_held_to_what_they_record(
    restored: Checkout, demo_graph: Graph, name: str
) -> None:
    edit, roots = EDITS[name]
    edit(restored.folder)
    causes, jobs = why(restored)
    assert jobs == stale(demo_graph, roots)
    assert sorted(causes) == sorted(RESTORED[name])


@pytest.mark.parametrize("name", of_night(RESTORED, but=("seed", "captions")))
def test_results_that_were_copied_are_made_again_where_they_differ(
    restored: Checkout, demo_graph: Graph, name: str
) -> None:
    edit, roots = EDITS[name]
    edit(restored.folder)
    run = restored.snakemake("--dry-run")
    assert run.status == 0, run.output[-3000:]
    assert set(run.jobs) == stale(demo_graph, roots)


def test_a_page_of_which_nothing_says_what_made_it_is_made_again(restored: Checkout) -> None:
    record = restored.folder / "results/.made/report.html.json"
    kept = record.read_text()
    for content in ("", "{}", '{"spec": {"id": 7}}', None):
        record.unlink()
        if content is not None:
            record.write_text(content)
        with study_in(restored.folder) as study:
            assert of_another_day(study) == ["results/report.html"]
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
    append("src/uphill/figures/plots/gain_grid.py")(edited.folder)
    assert set(edited.snakemake("--dry-run").jobs) == {"Figure cross_difficulty", "Report"}
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
