"""A study's datasets as tasks of other tools, and its answers as their records."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from uphill.errors import UphillError
from uphill.grading.grade import OF_TEXTS, grader_of, reads_texts
from uphill.harness.export import Written, export_task
from uphill.harness.instances import instances, write_instances
from uphill.prompts.forms import Form
from uphill.registry import settings_of
from uphill.schemas.files import read
from uphill.schemas.grades import GRADES
from uphill.schemas.predictions import PREDICTIONS
from uphill.showing.items import items_of
from uphill.workflow.jobs import plain
from uphill.workflow.stages import grades, predictions
from uphill.workflow.study import Study


def export_lines(
    study: Study, dataset: str, folder: Path, reasoned: bool, template: str | None = None, pool: str | None = None
) -> Iterator[str]:
    """Write a dataset as a task of the LM Evaluation Harness, and say how to run it.

    Args:
        study: the study.
        dataset: of it.
        folder: of the task.
        reasoned: whether reasoning is asked for first.
        template: id of a prompt other than the dataset's own.
        pool: the pool whose items are tested; all of them where none is named.

    Raises:
        UphillError: there is no such dataset, template or pool, its items are not at hand, or the harness cannot ask
            so.
    """
    _check(study, dataset)
    entry, items = study.config.datasets[dataset], items_of(study, dataset)
    if pool is not None:
        items = _of_pool(items, dataset, pool)
    if template is None:
        template = (entry.zero_shot_cot_prompt or entry.cot_prompt) if reasoned else entry.prompt
    if template is None:
        raise UphillError(f"datasets.{dataset}.cot_prompt is missing, expected a template id to ask for reasoning")
    written = None
    if reasoned or study.config.generative(dataset):
        written = _graded(study, dataset, reasoned)
    form = _form(study, template)
    files = export_task(dataset, items, form, folder, written)
    yield f"{len(items)} items: {', '.join(str(path) for path in files)}"
    task = f"--include_path {folder} --tasks {dataset}"
    yield f"lm_eval {task} --log_samples --output_path LOGS --model hf --model_args pretrained=MODEL"


def _of_pool(items: pd.DataFrame, dataset: str, pool: str) -> pd.DataFrame:
    found = items[items["pool"] == pool]
    if found.empty:
        raise UphillError(
            f"dataset {dataset!r}: no pool {pool!r}, expected one of {', '.join(sorted(set(items['pool'])))}"
        )
    return found


def _form(study: Study, template: str) -> Form:
    try:
        return study.config.templates.form(template, answers=study.config.answers)
    except ValueError as error:
        raise UphillError(str(error)) from None


def _check(study: Study, dataset: str) -> None:
    if dataset not in study.config.datasets:
        raise UphillError(f"dataset is {dataset!r}, expected one of {', '.join(study.config.datasets)}")


def _graded(study: Study, dataset: str, reasoned: bool) -> Written:
    entry = study.config.datasets[dataset]
    named = entry.grader if entry.grader is not None and reads_texts(entry.grader["kind"]) else {"kind": OF_TEXTS}
    rest = {key: value for key, value in named.items() if key != "kind"}
    settings = settings_of(grader_of(named["kind"]), rest)
    return Written(named["kind"], plain(settings), entry.max_new_tokens, reasoned)


def instance_lines(study: Study, method: str, model: str, dataset: str, out: Path) -> Iterator[str]:
    """Write a method's graded answers as instance records of Every Eval Ever.

    Raises:
        UphillError: the study has no such answers, or they are not made by today's config and code.
    """
    _check(study, dataset)
    for key, name, known in (("method", method, study.config.methods), ("model", model, study.config.models)):
        if name not in known:
            raise UphillError(f"{key} is {name!r}, expected one of {', '.join(known)}")
    entry, names = study.config.model(model), (study, method, model, dataset)
    if not predictions.arms(*names):
        raise UphillError(f"{method} with {model} on {dataset}: nothing in the config asks for it")
    answers, grading = predictions.predictions(*names), grades.grades(*names)
    predicted = read(answers.files[0], PREDICTIONS, answers.id)
    graded = read(grading.files[0], GRADES, grading.id)
    records = instances(items_of(study, dataset), predicted, graded, entry.hub_id or model)
    yield f"{write_instances(records, out)} records: {out}"
