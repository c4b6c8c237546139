"""Tables: of each experiment, of rank correlations, and as a paper prints them."""

from collections.abc import Iterator, Sequence
from typing import Any

from uphill import registry
from uphill.config import labelled
from uphill.config.panels import kinds_by_model
from uphill.experiments.arms import Arm
from uphill.experiments.finding import experiments, implied_labels, own_settings
from uphill.running.provenance import beside
from uphill.schemas.names import GOLD, UNSUPERVISED
from uphill.schemas.own_scales import model_of
from uphill.tables.table import Table
from uphill.workflow.jobs import PROVENANCE, Job, Settings, once, plain
from uphill.workflow.paths import CORRELATIONS, correlations_path, table_path, wide_path
from uphill.workflow.stages.grades import of_arm
from uphill.workflow.stages.hardness import hardness
from uphill.workflow.stages.items import items
from uphill.workflow.stages.measures import measures
from uphill.workflow.stages.responses import responses
from uphill.workflow.stages.splits import splits
from uphill.workflow.study import Study

ROOM, NEEDS = "uphill.tables", "TABLES"
PROBE = "probe"
"""The kind of methods that fit a linear probe to right answers."""


def jobs(study: Study) -> Iterator[Job]:
    """Those of experiments, then of correlations, then the one of wide tables."""
    yield from (table(study, name) for name in names(study))
    yield from (correlations(study, dataset) for dataset in study.datasets)
    yield wide(study)


@once
def made(study: Study, room: str, needs: str) -> dict[str, tuple[str, str, str]]:
    """By name of each table or figure of a room: its experiment, the module, and what it is called there.

    An entry that has a name gives it to what its module calls as the module is called, and puts it before other names.
    """
    found: dict[str, tuple[str, str, str]] = {}
    known = registry.names(room, needs)
    for experiment, arms in study.shown().items():
        kind = experiment if experiment in experiments() else arms[0].kind
        for key in getattr(registry.load(room, kind, needs), needs) if kind in known else ():
            own = experiment if key == kind else f"{experiment}_{key}"
            found[own if experiment != kind else key] = experiment, kind, key
    return found


def names(study: Study) -> list[str]:
    """Every table but those of correlations."""
    return list(made(study, ROOM, NEEDS))


def table_of(study: Study, name: str) -> Table:
    """How a table is made."""
    _, kind, key = made(study, ROOM, NEEDS)[name]
    found: Table = registry.load(ROOM, kind, NEEDS).TABLES[key]
    return found


@once
def table(study: Study, name: str) -> Job:
    """One table of an experiment; of each file of grades it depends on its own slices only."""
    experiment, kind, key = made(study, ROOM, NEEDS)[name]
    arms = study.shown()[experiment]
    teachers = _teachers(study, arms) if table_of(study, name).reads_teachers else {}
    datasets = list(dict.fromkeys(arm.dataset for arm in arms))
    path, how = table_path(name), table_of(study, name)

    def decide() -> Settings:
        return {
            "of": kind,
            "table": key,
            "unsupervised": unsupervised(study),
            **_intervals(study, study.config.statistics.draws),
            "margin": study.config.statistics.margin,
            "clusters": {name: column for name in datasets if (column := study.config.datasets[name].cluster)},
            "circular": circular(study, _cut_by(study, arms, how.reads_hardness)),
            "seen": study.config.splits.train_on_test,
            "teachers": {labels: _told(study, labels, arm) for labels, arm in teachers.items()},
            "own": own_settings(kind, arms),
            **({"probes": _probes(study, arms)} if how.reads_states else {}),
        }

    read: dict[str, list[Job]] = {
        "grades": [part for arm in (*arms, *teachers.values()) for part in of_arm(study, arm)],
        "splits": [splits(study, arm.dataset, arm.split) for arm in arms],
        "questions": [items(study, dataset) for dataset in datasets],
        "hardness": [hardness(study, dataset) for dataset in datasets] if how.reads_hardness else [],
    }
    if how.reads_reliability:
        cut_by = list(dict.fromkeys((arm.dataset, arm.variable) for arm in arms))
        read["measures"] = [job for dataset, variable in cut_by for job in measures(study, dataset, (variable,))]
    if how.reads_states:
        read["responses"] = [
            responses(study, model, arm.dataset) for arm in arms if _probes(study, [arm]) for model in arm.models
        ]
    return Job(
        rule="table",
        wildcards={"table": name},
        title=f"Table {name}",
        named=f"the table {name}" if experiment == kind else f"{kind}.{experiment}",
        record=f"tables/{name}",
        outputs={"table": [path], PROVENANCE: [beside(path)]},
        decide=decide,
        reads={key: list(dict.fromkeys(jobs)) for key, jobs in read.items()},
        code=[f"{ROOM}.{kind}"],
        holds=["responses"] if how.reads_states else [],
        from_config={
            "seen": "splits.train_on_test",
            "own": kind,
            "circular": "measures",
            "clusters": "datasets",
            "probes": "methods",
            "": "statistics",
        },
    )


def _probes(study: Study, arms: Sequence[Arm]) -> dict[str, Settings]:
    """By name, the settings of the methods of some arms that are linear probes."""
    names = dict.fromkeys(method for arm in arms for method in arm.methods)
    return {name: plain(study.config.method_settings(name)) for name in names if _kind(study, name) == PROBE}


def _kind(study: Study, method: str) -> str:
    return str(study.config.methods[method]["kind"])


def _teachers(study: Study, arms: list[Arm]) -> dict[str, Arm]:
    """By labels of an experiment's arms, and of the labels that its entries imply, who gives them."""
    [kind] = {arm.kind for arm in arms}
    entries = study.config.entries(kind).values()
    used = [*(arm.labels for arm in arms), *(labels for entry in entries for labels in implied_labels(kind, entry))]
    found = {labels: labelled.teacher(study.config, labels) for labels in dict.fromkeys(used) if labels != GOLD}
    return {labels: arm for labels, arm in found.items() if arm is not None}


def _told(study: Study, labels: str, arm: Arm) -> Settings:
    """What a table says of a teacher."""
    [method], [model], [level] = arm.methods, arm.models, arm.train_on or ("",)
    same = {"method": method, "model": model, "variable": arm.variable, "train_on": level, "slice": arm.slice}
    same |= {"labels": arm.labels, "experiment": arm.experiment}
    own = labelled.settings_of(study.config, labels)
    if not study.config.n_train(method):
        same |= {"train_on": UNSUPERVISED, "labels": GOLD}
    return {**same, "dataset": arm.dataset, "soft": own.softly, "confident": own.least}


@once
def correlations(study: Study, dataset: str) -> Job:
    """Rank correlations between a dataset's hardness variables."""
    path = correlations_path(dataset)
    return Job(
        rule="correlations",
        wildcards={"dataset": dataset},
        title=f"Rank correlations between the hardness variables of {dataset}",
        named=f"the correlations of datasets.{dataset}",
        record=f"tables/{CORRELATIONS}{dataset}",
        outputs={"table": [path], PROVENANCE: [beside(path)]},
        decide=lambda: {"dataset": dataset, **_intervals(study, study.config.statistics.correlation_draws)},
        reads={"questions": [items(study, dataset)], "hardness": [hardness(study, dataset)]},
        from_config={"draws": "statistics.correlation_draws", "": "statistics"},
    )


@once
def wide(study: Study) -> Job:
    """Tables as a paper prints them, all in one job; each by the tidy one that it is made from."""
    sources: dict[str, Any] = {}
    for tidy, (_, kind, key) in made(study, ROOM, NEEDS).items():
        how = table_of(study, tidy)
        sources |= {name: [tidy, kind, key] for name in [*([tidy] if how.layout else []), *how.also]}
    paths = {form: [wide_path(name, form) for name in sources] for form in ("csv", "tex")}
    return Job(
        rule="wide",
        wildcards={},
        title="Tables as a paper prints them",
        named="the tables as a paper prints them",
        record="tables/wide",
        outputs={**paths, PROVENANCE: [beside(path) for path in paths["csv"]]},
        decide=lambda: {"tables": dict(sources), "unsupervised": unsupervised(study)},
        reads={"tidy": [table(study, name) for name in dict.fromkeys(tidy for tidy, *_ in sources.values())]},
        code=modules(study, ROOM, NEEDS),
    )


def modules(study: Study, room: str, needs: str) -> list[str]:
    """The modules of a room that the study's tables or figures are of."""
    return list(dict.fromkeys(f"{room}.{kind}" for _, kind, _ in made(study, room, needs).values()))


def unsupervised(study: Study) -> dict[str, str]:
    """By dataset that some experiment involves, the method whose accuracy is Unsupervised."""
    return {name: study.config.datasets[name].unsupervised for name in study.datasets}


def _cut_by(study: Study, arms: Sequence[Arm], by_every: bool) -> list[tuple[str, str]]:
    """(dataset, variable) of the levels of a table; of one by every hardness variable, all that are measured."""
    found = dict.fromkeys((arm.dataset, arm.variable) for arm in arms)
    if not by_every:
        return list(found)
    measured = {dataset: study.config.measures_of(dataset) for dataset, _ in found}
    every = ((dataset, one) for dataset, own in measured.items() for given in own.values() for one in given)
    return list(dict.fromkeys([*found, *every]))


def circular(study: Study, cut_by: Sequence[tuple[str, str]]) -> list[list[Any]]:
    """Model, dataset, variable where a tested model measured the variable, and the methods that do what that did."""
    config, found = study.config, []
    used = sorted({method for arm in study.arms() for method in arm.methods})
    for dataset, variable in cut_by:
        for measure in (name for name, given in config.measures_of(dataset).items() if variable in given):
            module = config.measure_module(measure)
            if config.asks_models(measure):
                kinds = getattr(module, "LIKE", ())
                alike = [name for name in used if config.methods[name]["kind"] in kinds]
                alone = model_of(variable)
                measured_by = [alone] if alone else config.hardness_models
                found += [[model, dataset, variable, alike] for model in measured_by]
            if (panel := config.panel_of(measure)) is not None:
                for model, own in kinds_by_model(config, panel).items():
                    alike = [name for name in used if config.methods[name]["kind"] in own]
                    found.append([model, dataset, variable, alike])
    return sorted(found)


def _intervals(study: Study, draws: int) -> Settings:
    return {"draws": draws, "coverage": study.config.statistics.coverage, "seed": study.config.seed}
