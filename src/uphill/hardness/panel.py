"""The job that makes a panel's answer matrix: zero-shot passes and graded cells, nobody on what it was trained on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError, damaged
from uphill.hardness.answer_matrix import Answered, AnswerMatrix, build, write_matrix
from uphill.hardness.item_response import MISSING, fit
from uphill.hardness.respondents import by_choice, by_grades, describe
from uphill.running.job import Running
from uphill.running.noting import SCALE, note
from uphill.running.slices import Slices
from uphill.schemas.files import read, write
from uphill.schemas.grades import GRADES
from uphill.schemas.items import ITEMS
from uphill.schemas.names import EXPERIMENT_POOL, GOLD
from uphill.schemas.respondents import RESPONDENTS, TRAINED
from uphill.schemas.splits import SPLITS

CELL = ["train_dataset", "train_on", "boot", "n_train", "noise_p", "labels"]
"""Columns of grades that tell the cells of a method, model and experiment apart."""
LEAST_REST = 0.1
"""Below it, a respondent's answers hardly go with the share of the others that got an item right."""
MOST_UNASKED = 0.1
"""Share of the items that fewer than half of the respondents answered, from which the report cautions."""


@dataclass(frozen=True)
class Respondent:
    """Who answers.

    Attributes:
        name: in the matrix.
        told: the columns of RESPONDENTS that say what it is.
        answers: of it.
        learnt: items that it was trained on.
    """

    name: str
    told: Mapping[str, Any]
    answers: Sequence[Answered]
    learnt: frozenset[str] = field(default_factory=frozenset)


def run_job(job: Running) -> None:
    """Write the matrix and, beside it, what each respondent is worth.

    Raises:
        UphillError: an input is of another config, a cell that is named is not there, or the answers are no panel.
    """
    items = job.read("questions", ITEMS).set_index("item_id")
    panel = [*_models(job, items), *_cells(job)]
    learnt = {one.name: one.learnt for one in panel if one.learnt}
    try:
        matrix = build((answer for one in panel for answer in one.answers), learnt)
    except UphillError as error:
        raise UphillError(f"panels.{job.settings['panel']}: {error}") from None
    told = _told(panel, matrix, items)
    note(*(f"{SCALE}of panel {job.settings['panel']}: {line}" for line in cautions(told, matrix, items)))
    write_matrix(matrix, job.output.matrix[0], job.made_by)
    write(told, job.output.respondents[0], RESPONDENTS, job.made_by)


def _models(job: Running, items: pd.DataFrame) -> Iterator[Respondent]:
    """Models as they are."""
    for model in job.settings["models"]:
        shards = [
            path for path in job.input.get("responses", []) if f"/{model}/{job.settings['dataset']}/shard-" in path
        ]
        table = ResponseTable.read(shards, job.upstream(shards[0]), states=False)
        told = {"model": model, **dict.fromkeys(TRAINED, ""), "boot": 0, "n_train": 0, "noise_p": 0.0}
        yield Respondent(model, told, list(by_choice(model, items, table)))


def _cells(job: Running) -> Iterator[Respondent]:
    """Cells of methods, each by what it answered in its experiment's test."""
    dataset = job.settings["dataset"]
    for cells in job.settings["cells"]:
        method, model, part = cells["method"], cells["model"], f"{cells['experiment']}/{cells['variable']}"
        [path] = [
            one for one in job.input.grades if one.endswith(f"/{method}/{model}/{dataset}{cells['taught']}.parquet")
        ]
        table = Slices.read(path, GRADES).rows(part, job.upstream(path)[part])
        if table is None:
            raise damaged(path, f"{part!r} made by another config or by older code")
        [drawn] = [one for one in job.input.splits if one.endswith(f"/{dataset}/{cells['split']}.parquet")]
        splits = read(drawn, SPLITS, job.upstream(drawn))
        for names, rows in _chosen(table.to_pandas(), cells, f"panels.{job.settings['panel']}").groupby(CELL):
            cell = dict(zip(CELL, names, strict=True))
            told = {"model": model, "method": method, "experiment": cells["experiment"]}
            told |= {"variable": cells["variable"], **cell}
            name = _name(told)
            own = _learnt(splits, cell) if cell["train_dataset"] == dataset else frozenset()
            yield Respondent(name, told, list(by_grades(name, rows)), own)


def _chosen(grades: pd.DataFrame, cells: Mapping[str, Any], where: str) -> pd.DataFrame:
    found = grades[grades["train_on"].isin(cells["train_on"])]
    if cells["boots"] is not None:
        found = found[found["boot"].isin(cells["boots"])]
    there = set(zip(found["train_on"], found["boot"], strict=True))
    for level in cells["train_on"]:
        for boot in cells["boots"] or [0]:
            if (level, boot) not in there:
                raise UphillError(
                    f"{where}: {cells['method']!r} has no boot {boot} on {level!r}, expected answers of it"
                )
    return found


def _learnt(splits: pd.DataFrame, cell: Mapping[str, Any]) -> frozenset[str]:
    own = (splits["train_on"] == cell["train_on"]) & (splits["boot"] == cell["boot"]) & (splits["role"] == "train")
    return frozenset(splits.loc[own & (splits["rank"] < cell["n_train"]), "item_id"])


def _name(told: Mapping[str, Any]) -> str:
    noise = f", {100 * told['noise_p']:g} % random labels" if told["noise_p"] else ""
    noise += f", labels {told['labels']}" if told["labels"] != GOLD else ""
    trained = f"{told['n_train']} {told['train_on']} of {told['train_dataset']}" if told["n_train"] else "nothing"
    return (
        f"{told['method']} with {told['model']} on {trained}, boot {told['boot']}{noise} "
        f"({told['experiment']}/{told['variable']})"
    )


def _told(panel: Sequence[Respondent], matrix: AnswerMatrix, items: pd.DataFrame) -> pd.DataFrame:
    """A row a respondent, in the matrix's order."""
    n_choices = items.loc[matrix.item_ids, "choices"].map(len).tolist()
    worth = describe(matrix, fit(matrix.answers), n_choices if all(n_choices) else None)
    what = pd.DataFrame([{"respondent": one.name, **one.told} for one in panel])
    rows = what.merge(worth, on="respondent", validate="one_to_one")
    rows = rows.assign(share=rows["n_answers"] / len(items)).sort_values("respondent", ignore_index=True)
    return rows[RESPONDENTS.schema.names]


def cautions(told: pd.DataFrame, matrix: AnswerMatrix, items: pd.DataFrame) -> Iterator[str]:
    """What a reader should know of a panel before leaning on its scale.

    Args:
        told: rows of RESPONDENTS.
        matrix: the panel's answers.
        items: the dataset's item table, indexed by item_id.
    """
    for row in told[told["at_chance"]].to_dict("records"):
        yield (
            f"{row['respondent']} is at chance ({100 * row['accuracy']:.1f} % of {row['n_answers']} answers right, "
            f"{100 * row['chance']:.1f} % by guessing), and only adds noise"
        )
    apart = told[told["rest"] < LEAST_REST].sort_values("rest")
    if len(apart):
        first = apart.iloc[0]
        yield (
            f"{len(apart)} of {len(told)} respondents find other items hard than the others do, most of all "
            f"{first['respondent']} (correlation {first['rest']:.2f}): of such a panel a scale is no one difficulty"
        )
    models = told["model"].unique()
    if len(models) < len(told):
        yield (
            f"{len(told)} respondents are of {len(models)} model{'s' * (len(models) > 1)} ({', '.join(models)}): "
            "relatives answer alike, and are fewer than they are counted"
        )
    counts = pd.Series((matrix.answers != MISSING).sum(0), index=matrix.item_ids)
    asked = counts.reindex(items.index[items["pool"] == EXPERIMENT_POOL], fill_value=0)
    unasked = float((asked < len(told) / 2).mean()) if len(asked) else 0.0
    if unasked >= MOST_UNASKED:
        yield (
            f"{100 * unasked:.0f} % of the items were answered by fewer than half of the {len(told)} respondents, "
            f"{asked.min()} at least"
        )
