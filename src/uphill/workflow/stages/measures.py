"""Hardness measures: each by itself, and by each hardness model where it needs one."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from uphill.config.own_scales import is_own
from uphill.identity.files import file_digest
from uphill.registry import reads_states, reads_texts
from uphill.schemas.own_scales import model_of
from uphill.workflow.jobs import Job, Settings, once, plain
from uphill.workflow.paths import measure_path
from uphill.workflow.stages.items import items
from uphill.workflow.stages.models import keys_of, model_identity, weights
from uphill.workflow.stages.responses import asked, responses
from uphill.workflow.stages.token_scores import token_scores
from uphill.workflow.study import Study

ALONE, FROM_MATRIX, ON_MODEL = "measure", "measure_from_matrix", "measure_on_model"
FROM_RESPONSES, FROM_TOKEN_SCORES = "measure_from_responses", "measure_from_token_scores"


def jobs(study: Study) -> Iterator[Job]:
    """Those of every dataset."""
    yield from (job for dataset in study.datasets for job in measures(study, dataset))


@once
def measures(study: Study, dataset: str, variables: Iterable[str] | None = None) -> list[Job]:
    """What measures a dataset's variables: some of them, or all."""
    return [
        measure(study, dataset, name, model)
        for name, given in study.config.measures_of(dataset).items()
        if variables is None or set(given) & set(variables)
        for model in ([None] if rule(study, name) in (ALONE, FROM_MATRIX) else study.config.measuring(name, dataset))
        if variables is None or model in (None, *_owners(study, name, given, variables))
    ]


def rule(study: Study, name: str) -> str:
    """The rule that runs a measure, by what it needs."""
    module = study.config.measure_module(name)
    if study.config.panel_of(name) is not None:
        return FROM_MATRIX
    if reads_texts(module):
        return FROM_TOKEN_SCORES
    return ON_MODEL if module.RUNS_MODEL else FROM_RESPONSES if module.READS_RESPONSES else ALONE


def _owners(study: Study, name: str, given: Iterable[str], variables: Iterable[str]) -> set[str | None]:
    """The models that some variables of a measure are of: all that it asks, unless each measures for itself."""
    if not is_own(study.config, name):
        return set(study.config.hardness_models)
    return {model_of(one) for one in set(given) & set(variables)}


@once
def measure(study: Study, dataset: str, name: str, model: str | None = None) -> Job:
    """One measure's values for a dataset."""
    runs, kind = rule(study, name), study.config.measures[name]["kind"]

    def decide() -> Settings:
        settings = study.config.measure_settings(name)
        files = [file_digest(str(path)) for path in getattr(settings, "files", [])]
        return {
            "measure": name,
            "kind": kind,
            "settings": plain(settings),
            "dataset": asdict(study.config.graded(dataset)),
            "seed": study.config.seed,
            **({"content": files} if files else {}),
            **({"own": model} if is_own(study.config, name) else {}),
            **(_put(study, model, dataset) if model and runs == ON_MODEL else {}),
        }

    panel = study.config.panel_of(name)
    by = {ALONE: "", FROM_MATRIX: f" by panel {panel}", ON_MODEL: f" on {model}"}.get(runs, f" by {model}")
    read: dict[str, list[Job]] = {}
    if model and runs == FROM_RESPONSES:
        read = {"responses": [responses(study, model, dataset)]}
    if model and runs == FROM_TOKEN_SCORES:
        read = {"token_scores": [token_scores(study, model, dataset)]}
    if model and runs == ON_MODEL:
        read = weights(study, model)
    if panel is not None:
        from uphill.workflow.stages.panels import matrix  # which imports, by way of splits, this module

        read = {"matrix": [matrix(study, panel)]}
    return Job(
        rule=runs,
        wildcards={"dataset": dataset, "measure": name, **({"model": model} if model else {})},
        title=f"Hardness of {dataset}: {name}{by}",
        named=f"measures.{name} of datasets.{dataset}{f' by models.{model}' if model else ''}",
        record=f"hardness/{dataset}/{name}{f'/{model}' if model else ''}",
        outputs={"measure": [measure_path(dataset, name, model)]},
        decide=decide,
        reads={"questions": [items(study, dataset)], **read},
        code=[f"uphill.hardness.{kind}"],
        model=model if runs == ON_MODEL else None,
        holds=["responses"] if "responses" in read and reads_states(study.config.measure_module(name)) else [],
        from_config={
            "settings": f"measures.{name}",
            "content": f"measures.{name}",
            "dataset": f"datasets.{dataset}",
            **(keys_of(model) if model else {}),
            "asked": f"datasets.{dataset}",
        },
    )


def _put(study: Study, model: str, dataset: str) -> Settings:
    """Which model is asked, and how a dataset's questions are put to it."""
    return {"model": model_identity(study, model), "asked": asked(study, model, dataset, zero_shot=False)}
