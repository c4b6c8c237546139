"""What a run tells: a line a stage, time left by what its jobs took, each error once; the log has all else."""

import logging
from pathlib import Path
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_uphill import LogHandler
from uphill.running.telling import STAGES, Telling, duration, last_error, stage_of

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"


class Run:
    """A telling, with a clock of its own, and what Snakemake's records are."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.now = 100.0
        self.telling = Telling(self.lines.append, lambda: self.now)

    def hear(self, event: LogEvent | None, text: str = "", level: int = logging.INFO, **said: Any) -> None:
        record = logging.LogRecord("snakemake", level, "", 0, text, None, None)
        vars(record).update(said | ({"event": event} if event else {}))
        self.telling.hear(record)

    def begin(self, job: int, rule: str, message: str = "") -> None:
        self.hear(LogEvent.JOB_INFO, jobid=job, rule_name=rule, rule_msg=message or rule)

    def end(self, job: int) -> None:
        self.hear(LogEvent.JOB_FINISHED, job_id=job)


@pytest.fixture
def run() -> Run:
    found = Run()
    found.hear(LogEvent.RUN_INFO, stats={"all": 1, "table": 2, "items": 3, "wide": 1, "total": 7})
    return found


def test_stages_come_in_the_order_of_the_workflow_and_what_makes_nothing_in_none(run: Run) -> None:
    assert run.lines == ["6 jobs: questions 3, tables 3"]


def test_a_stage_is_a_line_when_it_is_done(run: Run) -> None:
    for job in (1, 2, 3):
        run.begin(job, "items")
        run.now += 3
        run.end(job)
    assert run.lines[1:] == ["questions             3 of 3   9 s"]
    for job, rule in ((4, "table"), (5, "wide"), (6, "table")):
        run.begin(job, rule)
    run.now += 60
    for job in (4, 5, 6):
        run.end(job)
    run.begin(0, "all")
    run.end(0)
    # The first of them after longer than a line is waited for; half of the time of three that are done at once is left.
    assert run.lines[2:] == [
        "tables                1 of 3   1 min, about 2 min left",
        "tables                3 of 3   1 min",
        "6 jobs done in 1 min 9 s",
    ]


def test_many_jobs_are_few_lines() -> None:
    run = Run()
    run.hear(LogEvent.RUN_INFO, stats={"grade": 600, "total": 600})
    for job in range(600):
        run.begin(job, "grade")
        run.now += 0.1
        run.end(job)
    assert len(run.lines) <= 2 + 60 / 20 + 1
    left = [line.split("about ")[1] for line in run.lines if "about" in line]
    assert left == ["40 s left", "20 s left"], "as long as what is left took before"


def test_an_error_is_told_once(run: Run) -> None:
    failed = {"jobid": 1, "rule_name": "items", "log": ["results/logs/items/x.log"], "aux": {}}
    run.begin(1, "items", "Questions of x")
    run.hear(LogEvent.ERROR, "RuleException:\nCalledProcessError in ...", logging.ERROR, exception="RuleException")
    run.hear(LogEvent.JOB_ERROR, "Error in rule items", logging.ERROR, **failed)
    run.hear(LogEvent.ERROR, "WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR)
    run.hear(None, "Exiting because a job execution failed. Look above for error messages", logging.ERROR)
    assert run.lines[1:] == ["failed: Questions of x; its log is results/logs/items/x.log"]
    run.begin(2, "items")
    run.end(2)
    run.begin(3, "items")
    run.end(3)
    assert run.lines[-1].startswith("questions             2 of 3   0 s, 1 failed")


def test_of_a_job_elsewhere_its_log_says_why(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("2026-01-01 10:00:00,1 INFO a.b: so far\n2026-01-01 10:00:01,2 ERROR a.b: data/x.csv: row 3: none\n")
    run.begin(1, "items", "Questions of x")
    failed = {"jobid": 1, "rule_name": "items", "log": [str(log)], "aux": {"external_jobid": "77"}}
    run.hear(LogEvent.JOB_ERROR, "", logging.ERROR, **failed)
    assert run.lines[1:] == ["error: data/x.csv: row 3: none", f"failed: Questions of x; its log is {log}"]
    assert last_error([str(tmp_path / "none.log")]) == ""


def test_what_snakemake_finds_wrong_is_told_as_it_says_it(run: Run) -> None:
    run.hear(LogEvent.ERROR, "MissingInputException: x", logging.ERROR, exception="MissingInputException")
    run.hear(None, "the scheduler is slow", logging.WARNING)
    run.hear(None, "Building DAG of jobs...")
    run.hear(None, "Nothing to be done (all requested files are present and up to date).")
    run.hear(LogEvent.SHELLCMD, "python x.py")
    assert run.lines[1:] == [
        "MissingInputException: x",
        "the scheduler is slow",
        "Nothing to be done: everything is up to date",
    ]


def test_every_rule_is_of_a_stage() -> None:
    """Of each script, and so of each rule that makes results."""
    others = {"demo_model", "fetch"}
    rules = {path.stem for path in SCRIPTS.glob("*.py")}
    assert {rule for rule in rules if stage_of(rule) not in STAGES.values()} == others


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (1500, "25 min"), (7500, "2 h 5 min")],
)
def test_durations_in_words(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_dry_run_is_told_as_without(capsys: pytest.CaptureFixture[str]) -> None:
    from snakemake.settings.types import OutputSettings

    handler = LogHandler(OutputSettings(dryrun=True, nocolor=True), None)
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "Building DAG of jobs...", None, None)
    handler.emit(record)
    assert capsys.readouterr().err == "Building DAG of jobs...\n"


TRACEBACK = """Traceback (most recent call last):

  File "snakemake/common/configfile.py", line 38, in load_configfile
    config = _load_configfile(configpath)

{said}
"""


@pytest.mark.parametrize("dryrun", [False, True])
@pytest.mark.parametrize(
    ("exception", "text", "told"),
    [
        (
            "FileNotFoundError",
            TRACEBACK.format(said="FileNotFoundError: [Errno 2] No such file or directory: 'mine.yml'"),
            "error: mine.yml: cannot be read (No such file or directory), expected a YAML file "
            "(did you mean 'mine.yaml'?)",
        ),
        (
            "IsADirectoryError",
            TRACEBACK.format(said="IsADirectoryError: [Errno 21] Is a directory: 'folder'"),
            "error: folder: a folder, expected a YAML file",
        ),
        (
            "WorkflowError",
            "WorkflowError:\nConfig file must be given as JSON or YAML with keys at top level.",
            "error: Config file must be given as JSON or YAML with keys at top level; `uphill check` with the config's "
            "name says where",
        ),
    ],
)
def test_a_config_that_snakemake_cannot_read_is_one_line(
    dryrun: bool,
    exception: str,
    text: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What it says of one before it reads a Snakefile: a traceback, or no name."""
    from snakemake.settings.types import OutputSettings

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "folder").mkdir()
    handler = LogHandler(OutputSettings(dryrun=dryrun, nocolor=True), None)
    record = logging.LogRecord("snakemake", logging.ERROR, "", 0, text, None, None)
    vars(record).update(event=LogEvent.ERROR, exception=exception)
    handler.emit(record)
    assert capsys.readouterr().err == f"{told}\n"
