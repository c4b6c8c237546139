"""Which job of the default study reads from which, written down by hand: an oracle for what an edit makes stale.

A node is a job by its message. Nothing here asks the library what depends on what: only the names of figures, and the
table that each shows, are taken from the list of jobs.
"""

from collections.abc import Iterable
from pathlib import Path

from uphill.planning.study import read_study

Graph = dict[str, set[str]]

MEASURES = {
    "dial": ["human", "surface", "mdl_zero_shot by demo", "mdl_probe by demo"],
    "road": ["human", "surface", "mdl_zero_shot by demo", "mdl_probe by demo"],
    "road_written": ["human", "surface", "mdl_zero_shot by demo"],
    "dial_taught": ["human", "surface", "mdl_zero_shot by demo"],
}
SPLITS = {
    "dial by all": [],
    "dial by num_steps": ["human"],
    "dial by num_steps.learning_curves": ["human"],
    "dial by num_steps.noisy_labels": ["human"],
    "dial by question_num_words": ["surface"],
    "dial by road_to_dial": ["human"],
    "road by num_steps": ["human"],
    "road by road_to_dial": ["human"],
    "road_written by num_steps": ["human"],
    "dial_taught by num_steps": ["human"],
    "dial_taught by all.teacher.probe.all": [],
}
WEAK = "demo_106k"
LABELS = [f"dial_taught.{WEAK}.probe{soft}" for soft in ("", ".soft")]
READS_RESPONSES = ("zero_shot", "probe")
TAUGHT = list(SPLITS)[-2:]
ROWS = [  # experiment, tested dataset and labels that taught, methods, splits, and the model if not demo
    ("population", "dial", "icl probe", ["dial by num_steps", "road by num_steps"]),
    ("population", "dial", "zero_shot lora", ["dial by num_steps"]),
    ("population", "dial", "zero_shot probe", ["dial by question_num_words"]),
    ("population", "road", "zero_shot icl probe", ["road by num_steps"]),
    ("population", "road_written", "zero_shot_cot icl_cot", ["road_written by num_steps"]),
    ("all_to_all", "dial", "zero_shot icl probe", ["dial by all"]),
    ("learning_curves", "dial", "zero_shot icl probe", ["dial by num_steps.learning_curves"]),
    ("noisy_labels", "dial", "zero_shot probe", ["dial by num_steps.noisy_labels"]),
    ("road_to_dial", "dial", "icl", ["dial by road_to_dial", "road by road_to_dial"]),
    ("road_to_dial", "dial", "zero_shot", ["dial by road_to_dial"]),
    ("cross_difficulty", "dial_taught", "zero_shot probe", TAUGHT[:1]),
    ("weak_to_strong", "dial_taught", "zero_shot", TAUGHT[:1]),
    ("weak_to_strong", "dial_taught", "zero_shot", TAUGHT[:1], WEAK),
    ("weak_to_strong", "dial_taught", "probe", TAUGHT),
    ("weak_to_strong", "dial_taught", "probe", TAUGHT, WEAK),
    *(("weak_to_strong", f"dial_taught@{labels}", "probe", TAUGHT[:1]) for labels in LABELS),
]
TABLES = {
    "population": "population",
    "sgr": "population",
    "accuracy_by_hardness": "population",
    "all_to_all": "all_to_all",
    "all_to_all_by_hardness": "all_to_all",
    "learning_curves": "learning_curves",
    "learning_curves_sgr": "learning_curves",
    "noisy_labels": "noisy_labels",
    "road_to_dial": "road_to_dial",
    "cross_difficulty": "cross_difficulty",
    "cross_difficulty_summary": "cross_difficulty",
    "cross_difficulty_sgr": "cross_difficulty",
    "weak_to_strong": "weak_to_strong",
}
NOT_WIDE = ("accuracy_by_hardness", "all_to_all_by_hardness", "cross_difficulty_summary")
WIDE = "Tables as a paper prints them"


def questions(dataset: str) -> str:
    return f"Questions of {dataset}"


def responses(dataset: str, model: str = "demo") -> str:
    return f"Zero-shot pass of {model} over {dataset}"


def measure(dataset: str, name: str) -> str:
    return f"Hardness of {dataset}: {name}"


def hardness(dataset: str) -> str:
    return f"Hardness of {dataset}, with levels"


def correlations(dataset: str) -> str:
    return f"Rank correlations between the hardness variables of {dataset}"


def splits(which: str) -> str:
    return f"Splits of {which}"


def predictions(methods: str, experiment: str = "", dataset: str = "") -> set[str]:
    """Jobs of some methods: all, or those that are part of an experiment or test a dataset."""
    return {
        f"{method} with {(*model, 'demo')[0]} on {tested}"
        for name, tested, run, _, *model in ROWS
        for method in run.split()
        if method in methods.split() and experiment in ("", name) and dataset in ("", tested.split("@")[0])
    }


def graded(answered: Iterable[str]) -> set[str]:
    """The jobs that grade some predictions."""
    return {f"Grades of {job}" for job in answered}


def _up_to_tables() -> Graph:
    graph: Graph = {}
    for dataset, names in MEASURES.items():
        graph[questions(dataset)] = set()
        graph[responses(dataset)] = {questions(dataset)}
        for name in names:
            by_model = {responses(dataset)} if name.startswith("mdl") else set()
            graph[measure(dataset, name)] = {questions(dataset), *by_model}
        graph[hardness(dataset)] = {questions(dataset), *(measure(dataset, name) for name in names)}
        graph[correlations(dataset)] = {questions(dataset), hardness(dataset)}
    for which, names in SPLITS.items():
        dataset = which.split()[0]
        graph[splits(which)] = {questions(dataset), *(measure(dataset, name) for name in names)}
    graph[responses("dial_taught", WEAK)] = {questions("dial_taught")}
    for _, tested, methods, drawn, *model in ROWS:
        who, (dataset, _, labels) = (*model, "demo")[0], tested.partition("@")
        for method in methods.split():
            read = {questions(name.split()[0]) for name in drawn} | set(map(splits, drawn))
            if method in READS_RESPONSES:
                read |= {responses(name.split()[0], who) for name in drawn}
            job = f"{method} with {who} on {tested}"
            graph.setdefault(job, set()).update(read | ({f"Labels {labels}"} if labels else set()))
            graph[f"Grades of {job}"] = {job, questions(dataset)}
    for labels in LABELS:
        graph[f"Labels {labels}"] = {questions("dial_taught"), splits(TAUGHT[1]), f"probe with {WEAK} on dial_taught"}
    return graph


def graph(folder: Path) -> Graph:
    """What each job of the default study in a folder reads from; read before any edit, with the folder as cwd."""
    found = _up_to_tables()
    for table, experiment in TABLES.items():
        rows = [row for row in ROWS if row[0] == experiment]
        found[f"Table {table}"] = {
            *graded(predictions(" ".join(methods for _, _, methods, *_ in rows), experiment)),
            *(splits(drawn[0]) for _, _, _, drawn, *_ in rows),  # of the tested dataset
            *(questions(tested.split("@")[0]) for _, tested, *_ in rows),
            *([hardness("dial")] if table == "all_to_all_by_hardness" else []),
        }
    found[WIDE] = {f"Table {table}" for table in TABLES if table not in NOT_WIDE}
    drawn = read_study(folder / "config/config.yaml").of("figure")
    figures = {f"Figure {job.wildcards['figure']}": {read.title for read in job.upstream} for job in drawn}
    tables = {node for node in found if node.startswith(("Table ", "Rank "))}
    return {
        **found,
        **figures,
        "Report": {WIDE, *tables, *figures, *map(questions, MEASURES), *map(hardness, MEASURES)},
    }


def stale(graph: Graph, roots: Iterable[str]) -> set[str]:
    """Jobs that run when some are run again: whatever reads a file that a job writes runs after it."""
    found = set(roots)
    while more := {job for job, read in graph.items() if read & found} - found:
        found |= more
    return found
