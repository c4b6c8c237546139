"""The whole study on one page."""

from collections.abc import Iterator

from uphill.workflow.jobs import Job, Settings
from uphill.workflow.paths import REPORT
from uphill.workflow.stages import figures, hardness, tables
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
        outputs={"page": [REPORT]},
        decide=lambda: {"config": _in_order(study.config.model_dump(mode="json", exclude_none=True))},
        reads={
            "questions": [items(study, dataset) for dataset in study.datasets],
            "hardness": list(hardness.jobs(study)),
            "tables": [*shown, *(correlations(study, dataset) for dataset in study.datasets)],
            "wide": [wide(study)],
            "figures": figures.jobs(study),
        },
        code=[*PAGE, *_captions(study)],
        from_config={"config": ""},
    )


def _captions(study: Study) -> list[str]:
    """The modules that say what the study's tables and figures show."""
    own = [f"{figures.ROOM}.{name}" for name in ("hardness", "correlations")]
    return [*modules(study, tables.ROOM, tables.NEEDS), *modules(study, figures.ROOM, figures.NEEDS), *own]


def _in_order(config: Settings) -> Settings:
    """The config with the keys of free entries sorted: their order says nothing, and a change of it reruns nothing."""
    for group in ("methods", "measures"):
        config[group] = {name: dict(sorted(entry.items())) for name, entry in config[group].items()}
    for entry in config["datasets"].values():
        entry["source"] = dict(sorted(entry["source"].items()))
    return config
