"""CPU seconds of a dry run of the demo, beside Snakemake alone on as many rules, jobs, files and inputs.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/dry_run.py [--rounds 7] [--log benchmarks/logs/dry_run.txt]

The floor is a workflow of the same graph: a rule for each of ours, with its number of outputs, a log, a benchmark
file, a message, and the same inputs and identities looked up in a JSON file, and not a line of the library. It runs
under the same profile. Both are run in turn, user and system seconds of the whole process; before the first round each
runs once, so that Python's bytecode is there. Ours runs in this checkout, and the floor's files are there where this
checkout's results are: a dry run of what is made reads records, one of what is not tries the splits.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from uphill.planning.study import read_study
from uphill.workflow.jobs import Job
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[1]
ALL_MADE = "Nothing to be done"
HEAD = """
import json
with open("jobs.json") as stream:
    JOBS = json.load(stream)

rule all:
    input: JOBS["all"]
"""
RULE = """
rule {rule}:
    input: lambda wildcards: JOBS[{rule!r}][wildcards.job]["input"]
    output: {outputs}
    log: "logs/{rule}/{{job}}.log"
    benchmark: "benchmarks/{rule}/{{job}}.tsv"
    params: spec=lambda wildcards: JOBS[{rule!r}][wildcards.job]["spec"]
    resources: mem_mb=lambda wildcards, attempt: 1000 * attempt, runtime=lambda wildcards, attempt: 60 * attempt
    message: "{rule} of {{wildcards.job}}"
    shell: "touch {{output}}"
"""


def floor(folder: Path, study: Study) -> None:
    """A workflow of the study's graph, in a folder."""
    rules: dict[str, list[Job]] = defaultdict(list)
    for job in study.jobs:
        rules[job.rule].append(job)
    places = {id(job): (rule, number) for rule, jobs in rules.items() for number, job in enumerate(jobs)}
    named = {path: _file(*places[id(job)], of) for job in study.jobs for of, path in enumerate(job.files)}
    listed = {
        rule: {
            str(number): {"input": [named[path] for read in job.upstream for path in read.made], "spec": job.spec}
            for number, job in enumerate(jobs)
        }
        for rule, jobs in rules.items()
    }
    (folder / "jobs.json").write_text(json.dumps({**listed, "all": list(named.values())}))
    text = [
        RULE.format(
            rule=rule,
            outputs=", ".join(repr(_file(rule, "{job}", of)) for of in range(max(len(job.files) for job in jobs))),
        )
        for rule, jobs in rules.items()
    ]
    (folder / "Snakefile").write_text(HEAD + "".join(text))


def _file(rule: str, number: int | str, of: int) -> str:
    return f"results/{rule}/{number}/{of}"


def seconds(folder: Path, bytecode: Path) -> tuple[float, str]:
    """CPU seconds of a dry run in a folder, and what it said."""
    # As for a user: what is compiled is kept, here in a folder of its own.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(bytecode)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--profile", str(ROOT / "profiles/local")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {folder} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


def make(folder: Path) -> None:
    """Have the floor's files made, as a run makes them."""
    command = [sys.executable, "-m", "snakemake", "--profile", str(ROOT / "profiles/local"), "--quiet", "all"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def main() -> None:
    """Time both in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--log", type=Path, help="where each run's seconds are written")
    asked = parser.parse_args()
    os.chdir(ROOT)
    study = read_study(Path("config/config.yaml"))
    lines = []
    with tempfile.TemporaryDirectory() as name:
        alone = Path(name)
        floor(alone, study)
        bytecode = alone / "bytecode"
        if ALL_MADE in seconds(ROOT, bytecode)[1]:
            make(alone)
        made = [ALL_MADE in seconds(folder, bytecode)[1] for folder in (alone, ROOT)]
        if made[0] != made[1]:
            raise SystemExit("one of both would make files, expected both or neither")
        found: dict[str, list[float]] = {"floor": [], "ours": []}
        for number in range(asked.rounds):
            for what, folder in {"floor": alone, "ours": ROOT}.items():
                found[what].append(seconds(folder, bytecode)[0])
                lines.append(f"round {number + 1} {what} {found[what][-1]:.2f}")
    rules, state = len({job.rule for job in study.jobs}) + 1, "all made" if made[0] else "nothing made"
    medians = {what: statistics.median(each) for what, each in found.items()}
    lines += [
        f"{len(study.jobs)} jobs of {rules} rules, {state}; Python {platform.python_version()}",
        f"CPU s, medians of {asked.rounds}: floor {medians['floor']:.2f}, ours {medians['ours']:.2f}, "
        f"ours - floor {medians['ours'] - medians['floor']:.2f}, ours / floor {medians['ours'] / medians['floor']:.2f}",
    ]
    print("\n".join(lines))
    if asked.log:
        asked.log.parent.mkdir(parents=True, exist_ok=True)
        asked.log.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
