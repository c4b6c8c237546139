"""The list of jobs is what the workflow runs: every file has one maker, and a dry run has those jobs and no other."""

import ast
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Checkout

from uphill.config.checked import check
from uphill.running import job as jobs
from uphill.schemas.files import made_by, read
from uphill.schemas.items import ITEMS
from uphill.schemas.measures import MEASURE
from uphill.workflow.claims import claims
from uphill.workflow.study import Study

STUDIES = ("config", "demo-all", "paper", "modern")
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULE = re.compile(r"^rule (\w+):(.*?)(?=^rule |\Z)", re.MULTILINE | re.DOTALL)
RECORD = re.compile(r'paths\.(log|benchmark)_path\("(.*)"\)')


def study(path: Path) -> Study:
    return Study(check(yaml.safe_load(path.read_text())))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("config", STUDIES)
def test_every_input_is_an_output_of_exactly_one_job_before_it(here: None, config: str) -> None:
    found = study(Path(f"config/{config}.yaml"))
    makers = Counter(found.files)
    assert set(makers.values()) == {1}
    made: set[str] = set()
    for job in found.jobs:
        assert {path for paths in job.inputs.values() for path in paths} <= made, job.title
        assert {path for part in job.parts for path in part.files} <= set(job.files)
        made.update(job.files)
    assert len({(job.rule, *sorted(job.wildcards.items())) for job in found.jobs}) == len(found.jobs)


def test_jobs_are_those_of_a_dry_run(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, and by what each makes; and each output and log has been claimed."""
    monkeypatch.chdir(checkout.folder)
    config = checkout.configure(lambda raw: raw.update(responses={"shards": 2}))
    found = study(checkout.folder / config)
    run = checkout.snakemake("--dry-run", "--configfile", config)
    assert run.status == 0, run.output[-2000:]
    assert run.jobs == sorted(job.title for job in found.jobs)
    summary = checkout.snakemake("--summary", "--configfile", config).output
    rows = [line.split("\t") for line in summary.splitlines() if line.startswith("results/")]
    assert {row[0]: row[2] for row in rows} == {path: job.rule for job in found.jobs for path in job.files}
    # What is looked at for names that collide is what the rules write: outputs and logs.
    assert len(rows) > 60
    claimed = {path for path, _ in claims(found)}
    assert {path for row in rows for path in (row[0], *row[3].split(",")) if path.startswith("results/")} <= claimed


def test_rules_read_and_log_what_their_jobs_say(here: None) -> None:
    text = "".join(path.read_text() for path in sorted(Path("rules").glob("*.smk")))
    rules = dict(RULE.findall(text))
    for job in study(Path("config/demo-all.yaml")).jobs:
        body = rules[job.rule]
        given = [f'inputs("{job.rule}")'] if job.reads else []
        assert re.findall(r"inputs\(.*\)", body) == given
        assert ("input:" in body) == bool(job.reads)
        assert f'spec=spec("{job.rule}")' in body
        assert f'script:\n        "../workflow/scripts/{job.rule}.py"' in body
        named = {(kind, record.format(**job.wildcards)) for kind, record in RECORD.findall(body)}
        assert named == {("log", job.record), ("benchmark", job.record)}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_name_no_file_but_by_the_rules_inputs_and_outputs(script: Path) -> None:
    texts = {node.value for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Constant)}
    assert not [text for text in texts if isinstance(text, str) and re.search(r"results|\.(parquet|csv|json)\b", text)]


def test_settings_hold_no_file_of_the_study(here: None) -> None:
    found = study(Path("config/demo-all.yaml"))
    for job in found.jobs:
        if job.rule != "report":
            # Of a model that is made here, who loads it finds its folder, beside the identity of what is in it.
            assert "results/" not in repr(job.settings).replace("results/models/", ""), job.title
        assert "results/" not in repr(job.spec["upstream"])


def test_a_script_runs_outside_the_workflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a debugger: with what `mock` makes up, a script reads and writes what it does under Snakemake."""
    for name in ("config", "resources", "workflow", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.excepthook", None)
    for rule, wildcards in (("items", {}), ("measure", {"measure": "surface"})):
        given = jobs.mock(rule, dataset="dial", **wildcards)
        runpy.run_path(f"workflow/scripts/{rule}.py", {"snakemake": given})
        assert made_by(given.output[0])["id"] == given.params.spec["id"]
        assert Path(given.log[0]).is_file()
    assert len(read("results/items/dial.parquet", ITEMS)) == 2000
    assert set(read(given.output[0], MEASURE)["variable"]) >= {"question_num_words"}


def test_what_no_config_asks_for_is_no_job(here: None) -> None:
    with pytest.raises(jobs.UphillError, match="items of dataset nothing: nothing in the config asks for it"):
        jobs.mock("items", dataset="nothing")
