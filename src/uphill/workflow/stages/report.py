"""The whole study on one page."""

from collections.abc import Iterator

from uphill.config.placing import used_labels
from uphill.config.trained import chain
from uphill.workflow.jobs import Job, Settings
from uphill.workflow.paths import report_path
from uphill.workflow.stages import accounts, figures, hardness, tables
from uphill.workflow.stages.items import items
from uphill.workflow.stages.tables import correlations, modules, names, table, wide
from uphill.workflow.study import Study

PAGE = tuple(f"src/uphill/report/{name}" for name in ("report.html.j2", "page.css", "page.js"))


def jobs(study: Study) -> Iterator[Job]:
    """The one, which shows the config too."""
    shown = [table(study, name) for name in names(study)]
    yield Job(
        rule="report",
        wildcards={},
        title="Report",
        named="the report",
        record="report",
        outputs={"page": [report_path()]},
        decide=lambda: {"config": _in_order(_used(study, study.config.model_dump(mode="json", exclude_none=True)))},
        reads={
            "questions": [items(study, dataset) for dataset in study.datasets],
            "hardness": list(hardness.jobs(study)),
            "tables": [
                *shown,
                *accounts.jobs(study),
                *(correlations(study, dataset) for dataset in study.datasets),
            ],
            "wide": [wide(study)],
            "figures": figures.jobs(study),
        },
        code=[*PAGE, *_captions(study)],
        from_config={"config": ""},
    )


def _captions(study: Study) -> list[str]:
    """The modules that say what the study's tables and figures show."""
    own = [f"{figures.ROOM}.{name}" for name in ("hardness", "certainty", "correlations")]
    return [*modules(study, tables.ROOM, tables.NEEDS), *modules(study, figures.ROOM, figures.NEEDS), *own]


def _used(study: Study, config: Settings) -> Settings:
    """The config without datasets, models, methods and labels that no job is of: an entry more reruns nothing."""
    arms = study.arms()
    named = [*study.config.hardness_models, *study.config.test_models, *study.values("model"), *study.models]
    models = {other for name in named for other in chain(study.config, name)}
    kept = {
        "datasets": {*study.read_datasets},
        "models": models | {model for arm in arms for model in arm.models},
        "methods": {method for arm in arms for method in arm.methods},
        "labels": {*study.values("labels"), *used_labels(study.config)},
    }
    for group, used in kept.items():
        config[group] = {name: entry for name, entry in config[group].items() if name in used}
    return config


def _in_order(config: Settings) -> Settings:
    """The config with the keys of free entries sorted: their order says nothing, and a change of it reruns nothing."""
    for group in ("methods", "measures"):
        config[group] = {name: dict(sorted(entry.items())) for name, entry in config[group].items()}
    for entry in config["datasets"].values():
        entry["source"] = dict(sorted(entry["source"].items()))
    return config
