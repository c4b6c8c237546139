"""What a run tells: a line when a stage is done, now and then one of a stage that takes long, and each error once."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAGES = {
    "items": "questions",
    "model": "models made here",
    "train": "models made here",
    "responses": "zero-shot passes",
    "token": "token scores",
    "generate": "texts",
    "cluster": "texts",
    "measure": "hardness",
    "hardness": "hardness",
    "splits": "splits",
    "label": "labels",
    "predictions": "predictions",
    "grade": "grades",
    "matrix": "panels",
    "table": "tables",
    "account": "tables",
    "correlations": "tables",
    "wide": "tables",
    "figure": "figures",
    "report": "report",
}
"""By what a rule's name begins with, what its jobs make, in the order of the workflow."""
ASKED = ("all", "demo_models")
"""Rules that make nothing themselves."""
EVERY_S = 20.0
"""Between two lines of a stage that is not done."""
OF_A_SCRIPT = ("RuleException", "CalledProcessError", "NonZeroReturnCodeError")
"""What Snakemake raises where a script ended with an error, which the script has told."""
FAILED = "At least one job did not complete successfully"
"""What it says at the end then, whatever it raises."""
SILENT = re.compile(
    r"Assuming unrestricted|Building DAG|Using shell|Provided |Rules claiming|Job stats|Select jobs|Execute |Finished "
    r"job|Shutting down|Exiting because|Resources before|Job [0-9]|Conda env|Singularity|Going on with|Removing output|"
    r"Cannot restore|host:|Error in |Unlocking|Elapsed time|Logfile |\s*$"
)
"""Messages of Snakemake that a user can do nothing with, by their beginning; the log has them."""


@dataclass
class Stage:
    """How far a stage is. Times are of one clock, in seconds."""

    name: str
    total: int
    done: int = 0
    failed: int = 0
    begun: float | None = None
    told: float = 0.0

    def line(self, now: float) -> str:
        """`predictions   7 of 28   1 min 10 s, about 4 min left`."""
        spent = now - (now if self.begun is None else self.begun)
        left = ""
        if self.done + self.failed < self.total and self.done:
            left = f", about {duration(spent / self.done * (self.total - self.done - self.failed))} left"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.name:<17} {f'{self.done} of {self.total}':>10}   {duration(spent)}{failed}{left}"


@dataclass
class Telling:
    """Hears what Snakemake logs, and tells what of it matters.

    Attributes:
        tell: takes a line.
        clock: seconds.
    """

    tell: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    stages: dict[str, Stage] = field(default_factory=dict)
    jobs: dict[int, tuple[str, str]] = field(default_factory=dict)
    """By number of each job that was begun: its stage, and its message."""
    errors: set[str] = field(default_factory=set)
    begun: float = 0.0

    def hear(self, record: logging.LogRecord) -> None:
        """Tell what a record says, if it is news."""
        event = str(getattr(record, "event", None) or "")
        said = vars(record)
        if event == "run_info":
            self._total(said.get("stats") or {})
        elif event == "job_info":
            self._begin(said)
        elif event == "job_finished":
            self._end(int(said["job_id"]))
        elif event in ("job_error", "group_error"):
            self._fail(said)
        elif (event == "error" and said.get("exception") in OF_A_SCRIPT) or FAILED in record.getMessage():
            return
        elif record.levelno >= logging.WARNING or (event == "" and record.levelno >= logging.INFO):
            self._say(record)

    def _total(self, stats: Mapping[str, Any]) -> None:
        """How many jobs each stage has; Snakemake tells it once more at the end of some runs."""
        if self.stages:
            return
        self.begun = self.clock()
        counts: dict[str, int] = {}
        for rule, count in stats.items():
            if rule not in (*ASKED, "total"):
                counts[stage_of(rule)] = counts.get(stage_of(rule), 0) + int(count)
        order = list(dict.fromkeys(STAGES.values()))
        known = [name for name in order if name in counts] + [name for name in counts if name not in order]
        self.stages = {name: Stage(name, counts[name]) for name in known}
        if known:
            self.tell(f"{counted(sum(counts.values()))}: {', '.join(f'{name} {counts[name]}' for name in known)}")

    def _begin(self, said: Mapping[str, Any]) -> None:
        rule, now = str(said["rule_name"]), self.clock()
        if rule in ASKED:
            return
        stage = self.stages.setdefault(stage_of(rule), Stage(stage_of(rule), 0))
        if int(said["jobid"]) not in self.jobs and stage.begun is None:
            stage.begun = stage.told = now
        self.jobs[int(said["jobid"])] = stage.name, str(said.get("rule_msg") or rule)

    def _end(self, job: int) -> None:
        if job not in self.jobs:
            return
        stage, now = self.stages[self.jobs[job][0]], self.clock()
        stage.done += 1
        stage.total = max(stage.total, stage.done)
        if stage.done + stage.failed >= stage.total or now - stage.told >= EVERY_S:
            stage.told = now
            self.tell(stage.line(now))
        if all(one.done >= one.total for one in self.stages.values()):
            done = sum(one.done for one in self.stages.values())
            self.tell(f"{counted(done)} done in {duration(now - self.begun)}")

    def _fail(self, said: Mapping[str, Any]) -> None:
        """Of a job on this machine its script has told why; of one elsewhere its log has."""
        for one in said.get("job_error_info") or [said]:
            job = int(one["jobid"])
            stage, title = self.jobs.get(job, (stage_of(str(one["rule_name"])), str(one["rule_name"])))
            if stage in self.stages:
                self.stages[stage].failed += 1
            logs = [str(path) for path in one.get("log") or ()]
            if (said.get("aux") or {}).get("external_jobid") and (why := last_error(logs)):
                self._once(f"error: {why}")
            self._once(f"failed: {title}{f'; its log is {logs[0]}' if logs else ''}")

    def _say(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text == "None" or SILENT.match(text):
            return
        if text.startswith("Nothing to be done"):
            text = "Nothing to be done: everything is up to date"
        if record.levelno >= logging.WARNING:
            self._once(text)
        else:
            self.tell(text)

    def _once(self, text: str) -> None:
        if text not in self.errors:
            self.errors.add(text)
            self.tell(text)


def stage_of(rule: str) -> str:
    """What the jobs of a rule make; of a rule that is not known, its name."""
    if rule == "grade_generation":
        return STAGES["generate"]
    return STAGES.get(rule.split("_")[0], rule)


def counted(jobs: int) -> str:
    """`1 job`, `2 jobs`."""
    return f"{jobs} job{'' if jobs == 1 else 's'}"


def duration(seconds: float) -> str:
    """`8 s`, `4 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 and whole % 60 else f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def last_error(logs: list[str]) -> str:
    """The last line of a job's logs that is an error's, without its date and place; nothing if there is none."""
    for path in logs:
        try:
            lines = Path(path).read_text(errors="replace").splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            if found := re.match(r"\S+ \S+ (?:ERROR|CRITICAL) [\w.]+: (.*)", line):
                return found[1]
    return ""
