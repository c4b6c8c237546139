"""What there is to make: the jobs and files of a study, as its config asks for them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from uphill.config import ALL_VARIABLE, Config
from uphill.experiments import ALL_TO_ALL, POPULATION, Row
from uphill.tables.layouts import LAYOUTS, TIDY
from uphill.workflow.drawings import HARDNESS, Drawing, drawings
from uphill.workflow.paths import (
    REPORT,
    correlations_path,
    figure_path,
    hardness_path,
    items_path,
    measure_path,
    predictions_path,
    provenance_path,
    shard_path,
    splits_path,
    table_path,
    wide_path,
)

TABLES = {
    POPULATION: POPULATION,
    "sgr": POPULATION,
    "accuracy_by_hardness": POPULATION,
    ALL_TO_ALL: ALL_TO_ALL,
    "all_to_all_by_hardness": ALL_TO_ALL,
}
"""The experiment that a table shows, where it is not the one that it is named after."""
READS_HARDNESS = ("all_to_all_by_hardness",)

RUNS_MODEL, READS_RESPONSES = "RUNS_MODEL", "READS_RESPONSES"

P = ParamSpec("P")
L = TypeVar("L", bound="Layout")
R = TypeVar("R")


def remembered(method: Callable[Concatenate[L, P], R]) -> Callable[Concatenate[L, P], R]:
    """Ask once for each set of arguments: Snakemake asks for a job's spec many times, and specs rest on specs."""

    @functools.wraps(method)
    def ask(layout: L, /, *args: P.args, **kwargs: P.kwargs) -> R:
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        if key not in layout.memory:
            layout.memory[key] = method(layout, *args, **kwargs)
        found: R = layout.memory[key]
        return found

    return ask


@dataclass(frozen=True)
class Layout:
    """Jobs and files of a study."""

    config: Config
    memory: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @remembered
    def rows(self, experiment: str | None = None) -> list[Row]:
        """Rows of an experiment, or of all."""
        return [row for row in self.rows() if row.experiment == experiment] if experiment else self.config.rows()

    @remembered
    def experiments(self) -> list[str]:
        """Experiments that have rows."""
        return list(dict.fromkeys(row.experiment for row in self.rows()))

    def shard_paths(self, model: str, dataset: str) -> list[str]:
        """Files of the zero-shot pass of a model over a dataset."""
        count = self.config.responses.shards
        return [shard_path(model, dataset, shard, count) for shard in range(count)]

    @remembered
    def shares(self, method: str, model: str, dataset: str) -> list[Row]:
        """What a prediction job makes: a row for each (experiment, variable)."""
        found: dict[str, Row] = {}
        for row in self.rows():
            if row.dataset == dataset and method in row.methods and model in row.models:
                found.setdefault(row.share, row)
        return list(found.values())

    def draws(self, method: str, model: str, dataset: str) -> list[tuple[str, str]]:
        """(dataset, draw) of each file of splits that a prediction job reads."""
        rows = self.shares(method, model, dataset)
        return list(dict.fromkeys((name, row.draw) for row in rows for name in row.involved))

    def involved(self, method: str, model: str, dataset: str) -> list[str]:
        """Datasets that a prediction job reads: the tested one first."""
        return list(dict.fromkeys(name for name, _ in self.draws(method, model, dataset)))

    @remembered
    def drawn(self) -> dict[tuple[str, str], Row]:
        """By (dataset, draw) of each file of splits, a row that asks for it."""
        found: dict[tuple[str, str], Row] = {}
        for row in self.rows():
            for name in row.involved:
                found.setdefault((name, row.draw), row)
        return dict(sorted(found.items()))

    @remembered
    def prediction_jobs(self, experiment: str | None = None) -> list[tuple[str, str, str]]:
        """(method, model, dataset) of each file of predictions, or of those that an experiment reads."""
        jobs = (
            (method, model, row.dataset)
            for row in self.rows(experiment)
            for model in row.models
            for method in row.methods
        )
        return list(dict.fromkeys(jobs))

    def predictions_of(self, table: str) -> list[str]:
        """Files of predictions that a table reduces."""
        return [predictions_path(*job) for job in self.prediction_jobs(self.experiment_of(table))]

    def splits_of(self, table: str) -> list[str]:
        """Files of splits that say which items a table's rows are tested on."""
        rows = self.rows(self.experiment_of(table))
        return list(dict.fromkeys(splits_path(row.dataset, row.draw) for row in rows))

    def hardness_of(self, table: str) -> list[str]:
        """Hardness tables that a table reads."""
        if table not in READS_HARDNESS:
            return []
        return list(dict.fromkeys(hardness_path(row.dataset) for row in self.rows(self.experiment_of(table))))

    def experiment_of(self, table: str) -> str:
        """The experiment that a table shows."""
        return TABLES.get(table, table)

    @remembered
    def tested(self) -> list[str]:
        """Datasets that some experiment involves, in the config's order."""
        used = {name for row in self.rows() for name in row.involved}
        return [name for name in self.config.datasets if name in used]

    @remembered
    def response_jobs(self) -> list[tuple[str, str]]:
        """(model, dataset) of each zero-shot pass that a method or a measure reads."""
        read = [
            (model, name)
            for method, model, dataset in self.prediction_jobs()
            if self.config.method_module(method).READS_RESPONSES
            for name in self.involved(method, model, dataset)
        ]
        read += [
            (model, dataset)
            for dataset in self.tested()
            for measure, model in self.measure_jobs(dataset)
            if model and self._needs(measure) == READS_RESPONSES
        ]
        return list(dict.fromkeys(read))

    @remembered
    def table_names(self) -> list[str]:
        """Every table but those of correlations."""
        experiments = self.experiments()
        own = [name for name in experiments if name not in TABLES]
        return [*(table for table, experiment in TABLES.items() if experiment in experiments), *own]

    def tables(self) -> list[str]:
        """Every table."""
        return [*map(table_path, self.table_names()), *map(correlations_path, self.tested())]

    def provenances(self) -> list[str]:
        """What every table, wide table and figure was made from: a file for all formats of one."""
        figures = (figure_path(name, "png") for name in self.figure_names())
        wide = (wide_path(name, "csv") for name in self.wide_names())
        return [provenance_path(path) for path in (*self.tables(), *wide, *figures)]

    @remembered
    def wide_names(self) -> dict[str, str]:
        """Tables that are also laid out as a paper prints them, each with the tidy one that it is made from."""
        tidy = self.table_names()
        found = {name: TIDY.get(name, name) for name in LAYOUTS if TIDY.get(name, name) in tidy}
        return {**found, **{name: name for name in self.config.ladders}}

    def wide_inputs(self) -> list[str]:
        """The tidy tables that those are made from."""
        return list(dict.fromkeys(map(table_path, self.wide_names().values())))

    def wide_tables(self) -> list[str]:
        """Those tables, in both formats."""
        return [wide_path(name, kind) for name in self.wide_names() for kind in ("csv", "tex")]

    @remembered
    def drawings(self) -> dict[str, Drawing]:
        """Every figure by name, with how it is made."""
        tables = self.table_names()
        models = {table: self._models_beside(self.experiment_of(table)) for table in tables}
        return drawings(tables, self.config.ladders, self.tested(), models)

    def _models_beside(self, experiment: str) -> int:
        """The most models that any one thing is trained with."""
        found: dict[tuple[str, str, str], set[str]] = {}
        for row in self.rows(experiment):
            for method in row.methods:
                if self.config.n_train(method):
                    found.setdefault((row.dataset, row.variable, method), set()).update(row.models)
        return max(map(len, found.values()), default=0)

    def figure_names(self) -> list[str]:
        """Every figure."""
        return list(self.drawings())

    def figure_inputs(self, figure: str) -> list[str]:
        """What a figure draws: a table, or every hardness table."""
        table = self.drawings()[figure].table
        return [hardness_path(name) for name in self.tested()] if table == HARDNESS else [table_path(table)]

    def figures(self) -> list[str]:
        """Every figure, in both formats."""
        return [figure_path(name, kind) for name in self.figure_names() for kind in ("pdf", "png")]

    def everything(self) -> list[str]:
        """Every file of the study, stage by stage."""
        datasets = self.tested()
        return [
            *map(items_path, datasets),
            *(path for job in self.response_jobs() for path in self.shard_paths(*job)),
            *map(hardness_path, datasets),
            *(splits_path(*pair) for pair in self.drawn()),
            *(predictions_path(*job) for job in self.prediction_jobs()),
            *self.tables(),
            *self.wide_tables(),
            *self.figures(),
            *self.provenances(),
            REPORT,
        ]

    def runs_model(self, method: str) -> bool:
        """Whether a method's jobs load the language model."""
        return bool(self.config.method_module(method).RUNS_MODEL)

    def methods(self, runs_model: bool) -> list[str]:
        """Methods whose jobs do, or do not, load the language model."""
        return [name for name in self.config.methods if self.runs_model(name) == runs_model]

    @remembered
    def models(self) -> list[str]:
        """Models that some job loads."""
        jobs = [*(model for _, model, _ in self.prediction_jobs()), *(model for model, _ in self.response_jobs())]
        measuring = [model for dataset in self.tested() for _, model in self.measure_jobs(dataset) if model]
        return list(dict.fromkeys([*jobs, *measuring]))

    def measures_needing(self, needs: str | None) -> list[str]:
        """Measures that need `RUNS_MODEL` or `READS_RESPONSES`; for None, those that need neither."""
        return [name for name in self.config.hardness if self._needs(name) == needs]

    def _needs(self, measure: str) -> str | None:
        module = self.config.measure_module(measure)
        return next((need for need in (RUNS_MODEL, READS_RESPONSES) if getattr(module, need)), None)

    @remembered
    def measure_jobs(self, dataset: str) -> list[tuple[str, str | None]]:
        """(measure, hardness model) of each part of a dataset's hardness table; no model where none is needed."""
        return [
            (measure, model)
            for measure in self.config.measures(dataset)
            for model in (self.config.hardness_models if self._needs(measure) else [None])
        ]

    def measure_paths(self, dataset: str) -> list[str]:
        """The parts of a dataset's hardness table."""
        return [measure_path(dataset, *job) for job in self.measure_jobs(dataset)]

    def graded_by(self, dataset: str, draw: str) -> set[str]:
        """Hardness variables that a draw cuts a dataset by."""
        row = self.drawn()[dataset, draw]
        if row.bands:
            return {band.variable for band in row.bands.get(dataset, {}).values()}
        return {row.variable} - {ALL_VARIABLE}

    def _measuring(self, dataset: str, variables: set[str]) -> list[tuple[str, str | None]]:
        """Jobs of the measures that give some variables."""
        giving = {name for name, made in self.config.measures(dataset).items() if variables & set(made)}
        return [job for job in self.measure_jobs(dataset) if job[0] in giving]

    def splits_measures(self, dataset: str, draw: str) -> list[str]:
        """Files of the measures that splits rest on: no others, so that a person's grades wait for no model."""
        return [measure_path(dataset, *job) for job in self._measuring(dataset, self.graded_by(dataset, draw))]
