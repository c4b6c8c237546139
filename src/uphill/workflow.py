"""The DAG without Snakemake: which files there are, and the identity of the job that makes each.

The rules ask this module for paths, specs and resources, so all of it can be tested without running a workflow.
"""

import functools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel

from uphill.config import ALL_VARIABLE, Config, Population
from uphill.identity import code_digest, file_digest, folder_digest, spec

RESULTS = "results"
REPORT = f"{RESULTS}/report.html"
SCRIPTS = "workflow/scripts"
REPORT_TEMPLATE = "src/uphill/report/report.html.j2"
CORRELATIONS = "correlations_"
FIGURES = ("population", "accuracy_by_hardness", "sgr")
TABLES = ("population", "sgr", "accuracy_by_hardness", "all_to_all")

RUNS_MODEL, READS_RESPONSES = "RUNS_MODEL", "READS_RESPONSES"
MEASURE_SCRIPTS = {None: "measure", READS_RESPONSES: "measure_from_responses", RUNS_MODEL: "measure_on_model"}

Spec = dict[str, Any]


def items_path(dataset: str) -> str:
    """The item table of a dataset."""
    return f"{RESULTS}/items/{dataset}.parquet"


def measure_path(dataset: str, measure: str, model: str | None = None) -> str:
    """One measure's part of a hardness table, by one hardness model if it needs any."""
    return f"{RESULTS}/hardness/measures/{dataset}/{measure}{f'/{model}' if model else ''}.parquet"


def hardness_path(dataset: str) -> str:
    """The hardness table of a dataset."""
    return f"{RESULTS}/hardness/{dataset}.parquet"


def splits_path(dataset: str, variable: str) -> str:
    """The splits of a dataset by a variable."""
    return f"{RESULTS}/splits/{dataset}/{variable}.parquet"


def predictions_path(method: str, model: str, dataset: str) -> str:
    """The predictions of one job."""
    return f"{RESULTS}/predictions/{method}/{model}/{dataset}.parquet"


def correlations_path(dataset: str) -> str:
    """The rank correlations of a dataset's hardness variables."""
    return table_path(f"{CORRELATIONS}{dataset}")


def table_path(table: str) -> str:
    """A table of an experiment."""
    return f"{RESULTS}/tables/{table}.csv"


@dataclass(frozen=True)
class Plan:
    """Files and identities of a study."""

    config: Config

    # -- what there is -------------------------------------------------------------------------------------------

    def shard_paths(self, model: str, dataset: str) -> list[str]:
        """Files of the zero-shot pass of a model over a dataset."""
        count = self.config.responses.shards
        return [f"{RESULTS}/responses/{model}/{dataset}/shard-{i}-of-{count}.parquet" for i in range(count)]

    def row(self, method: str, dataset: str, variable: str) -> Population:
        """The experiment row that asks for a prediction job.

        Raises:
            KeyError: none does.
        """
        for row in self.config.rows():
            if (row.dataset, row.variable) == (dataset, variable) and method in row.methods:
                return row
        raise KeyError(f"no experiment runs {method!r} on {dataset!r} by {variable!r}")

    def sources(self, method: str, dataset: str, variable: str) -> list[str]:
        """Datasets that a method trains on to be tested on a dataset by a variable."""
        return self.row(method, dataset, variable).train_from or [dataset]

    def variables(self, method: str, dataset: str) -> list[str]:
        """Variables that a prediction job cuts its dataset by."""
        rows = self.config.rows()
        return [row.variable for row in rows if row.dataset == dataset and method in row.methods]

    def shares(self, method: str, dataset: str) -> list[tuple[str, str]]:
        """(variable, dataset) of each file of splits that a prediction job reads: by variable, the tested one first."""
        return [
            (variable, name)
            for variable in self.variables(method, dataset)
            for name in dict.fromkeys([dataset, *self.sources(method, dataset, variable)])
        ]

    def involved(self, method: str, dataset: str) -> list[str]:
        """Datasets that a prediction job reads: the tested one first."""
        return list(dict.fromkeys(name for _, name in self.shares(method, dataset)))

    def splits(self) -> list[tuple[str, str]]:
        """(dataset, variable) of each file of splits."""
        return sorted({(name, row.variable) for row in self.config.rows() for name in (row.dataset, *row.train_from)})

    def predictions(self, rows: Iterable[Population] | None = None) -> list[str]:
        """Every file of predictions, or those of some rows."""
        paths = (
            predictions_path(method, model, row.dataset)
            for row in (self.config.rows() if rows is None else rows)
            for model in self.config.test_models
            for method in row.methods
        )
        return list(dict.fromkeys(paths))

    def rows_of(self, table: str) -> list[Population]:
        """Experiment rows that a table shows."""
        if table == "all_to_all":
            return [row for row in self.config.rows() if row.variable == ALL_VARIABLE]
        return self.config.population

    def predictions_of(self, table: str) -> list[str]:
        """Files of predictions that a table reduces."""
        return self.predictions(self.rows_of(table))

    def tested(self) -> list[str]:
        """Datasets that some experiment involves, in the config's order."""
        used = {name for row in self.config.rows() for name in (row.dataset, *row.train_from)}
        return [name for name in self.config.datasets if name in used]

    def tables(self) -> list[str]:
        """Every table."""
        named = [table_path(table) for table in TABLES if table != "all_to_all" or self.config.all_to_all]
        return [*named, *map(correlations_path, self.tested())]

    def figure_names(self) -> list[str]:
        """Every figure, named after its table."""
        return [*FIGURES, *(f"{CORRELATIONS}{dataset}" for dataset in self.tested())]

    def figures(self) -> list[str]:
        """Every figure, in both formats."""
        return [f"{RESULTS}/figures/{name}.{kind}" for name in self.figure_names() for kind in ("pdf", "png")]

    def everything(self) -> list[str]:
        """Every file of the study, stage by stage."""
        datasets = self.tested()
        models = dict.fromkeys([*self.config.test_models, *self.config.hardness_models])
        return [
            *map(items_path, datasets),
            *(path for model in models for name in datasets for path in self.shard_paths(model, name)),
            *map(hardness_path, datasets),
            *(splits_path(*pair) for pair in self.splits()),
            *self.predictions(),
            *self.tables(),
            *self.figures(),
            REPORT,
        ]

    def runs_model(self, method: str) -> bool:
        """Whether a method's jobs load the language model."""
        return bool(self.config.method_module(method).RUNS_MODEL)

    def methods(self, runs_model: bool) -> list[str]:
        """Methods whose jobs do, or do not, load the language model."""
        return [name for name in self.config.methods if self.runs_model(name) == runs_model]

    def check(self) -> None:
        """Look at everything outside the workflow that it reads.

        Raises:
            UphillError: a file of items or of a measure, or a model's folder, is missing.
        """
        for dataset in self.tested():
            self.hardness_spec(dataset)
        for model in {*self.config.test_models, *self.config.hardness_models}:
            self.model_identity(model)

    # -- what each is made from ----------------------------------------------------------------------------------

    def items_spec(self, dataset: str) -> Spec:
        """Identity of an item table."""
        entry, source = self.config.datasets[dataset], self.config.source_settings(dataset)
        settings = {
            "dataset": dataset,
            "source": plain(source),
            "hardness_pool": entry.hardness_pool,
            "seed": self.config.seed,
        }
        files = getattr(source, "files", [])
        if files:
            settings["content"] = [file_digest(str(path)) for path in files]
        kind = entry.source["kind"]
        settings["kind"] = kind
        return spec("items", settings, _code("items", f"uphill.datasets.{kind}"), {})

    def model_identity(self, model: str) -> dict[str, Any]:
        """What decides a model's numbers: its config entry, and the content of a local folder."""
        entry = self.config.models[model]
        content = {"content": folder_digest(entry.path)} if entry.path else {}
        return {"name": model, **plain(entry), **content}

    def _asked(self, model: str, dataset: str, zero_shot: bool) -> dict[str, Any]:
        """How a dataset's questions are put to a model without examples, as far as that is used."""
        forms = self.config.forms(dataset, model, zero_shot)
        return forms if self.config.generative(dataset) else {**forms, "cot_prompt": None}

    def responses_spec(self, model: str, dataset: str) -> Spec:
        """Identity of the zero-shot pass of a model over a dataset."""
        settings = {
            "model": self.model_identity(model),
            "asked": self._asked(model, dataset, zero_shot=True),
            **plain(self.config.responses),
        }
        return spec("responses", settings, _code("responses"), {"items": self.items_spec(dataset)["id"]})

    def measures_needing(self, needs: str | None) -> list[str]:
        """Measures that need `RUNS_MODEL` or `READS_RESPONSES`; for None, those that need neither."""
        return [name for name in self.config.hardness if self._needs(name) == needs]

    def _needs(self, measure: str) -> str | None:
        module = self.config.measure_module(measure)
        return next((need for need in (RUNS_MODEL, READS_RESPONSES) if getattr(module, need)), None)

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

    def measure_spec(self, dataset: str, measure: str, model: str | None = None) -> Spec:
        """Identity of one measure's values for a dataset, by one hardness model if it needs any."""
        kind, needs = self.config.hardness[measure]["measure"], self._needs(measure)
        own = self.config.measure_settings(measure)
        settings: dict[str, Any] = {
            "measure": measure,
            "kind": kind,
            "settings": plain(own),
            "dataset": asdict(self.config.graded(dataset)),
            "seed": self.config.seed,
        }
        files = getattr(own, "files", [])
        if files:
            settings["content"] = [file_digest(str(path)) for path in files]
        upstream = {"items": self.items_spec(dataset)["id"]}
        if needs == RUNS_MODEL and model:
            settings |= {"model": self.model_identity(model), "asked": self._asked(model, dataset, zero_shot=False)}
        if needs == READS_RESPONSES and model:
            upstream["responses"] = self.responses_spec(model, dataset)["id"]
        return spec("measure", settings, _code(MEASURE_SCRIPTS[needs], f"uphill.hardness.{kind}"), upstream)

    def hardness_spec(self, dataset: str) -> Spec:
        """Identity of a hardness table."""
        cuts = self.config.datasets[dataset].cuts
        settings = {"cuts": {variable: plain(cut) for variable, cut in cuts.items()}}
        upstream = {
            measure_path(dataset, *job): self.measure_spec(dataset, *job)["id"] for job in self.measure_jobs(dataset)
        }
        return spec("hardness", settings, _code("hardness"), {**upstream, "items": self.items_spec(dataset)["id"]})

    def splits_spec(self, dataset: str, variable: str) -> Spec:
        """Identity of a dataset's splits by a variable."""
        settings = {
            "dataset": dataset,
            "variable": variable,
            **plain(self.config.splits),
            "n_test": self.config.datasets[dataset].n_test or self.config.splits.n_test,
            "seed": self.config.seed,
        }
        upstream = {"items": self.items_spec(dataset)["id"], "hardness": self.hardness_spec(dataset)["id"]}
        return spec("splits", settings, _code("splits"), upstream)

    def share_spec(self, method: str, model: str, dataset: str, variable: str) -> Spec:
        """Identity of what one job predicts for one variable."""
        module = self.config.method_module(method)
        zero_shot = getattr(self.config.method_settings(method), "k", None) == 0
        involved = [name for own, name in self.shares(method, dataset) if own == variable]
        settings = {
            "method": method,
            "kind": self.config.methods[method]["kind"],
            "settings": plain(self.config.method_settings(method)),
            "model": self.model_identity(model) if module.RUNS_MODEL else {"name": model},
            "variable": variable,
            "sources": self.sources(method, dataset, variable),
            "datasets": {
                name: {
                    **self.config.forms(name, model, zero_shot),
                    "max_new_tokens": self.config.datasets[name].max_new_tokens,
                }
                for name in involved
            },
            "seed": self.config.seed,
        }
        upstream = {}
        for name in involved:
            upstream[f"items/{name}"] = self.items_spec(name)["id"]
            upstream[f"splits/{name}"] = self.splits_spec(name, variable)["id"]
            if module.READS_RESPONSES:
                upstream[f"responses/{name}"] = self.responses_spec(model, name)["id"]
        script = "predictions_on_model" if module.RUNS_MODEL else "predictions_from_responses"
        code = _code(script, f"uphill.methods.{settings['kind']}")
        return spec("predictions", settings, code, upstream)

    def predictions_spec(self, method: str, model: str, dataset: str) -> Spec:
        """Identity of one job's predictions: that of each variable's share."""
        shares = {name: self.share_spec(method, model, dataset, name) for name in self.variables(method, dataset)}
        upstream = {variable: share["id"] for variable, share in shares.items()}
        code = next(iter(shares.values()))["code"]
        return spec("predictions", {"shares": shares}, code, upstream)

    def table_spec(self, table: str) -> Spec:
        """Identity of a table; `shares` says what each file of predictions must record for each variable."""
        statistics = self.config.statistics
        settings = {
            "table": table,
            "unsupervised": {name: entry.unsupervised for name, entry in self.config.datasets.items()},
            "draws": statistics.draws,
            "level": statistics.level,
            "seed": self.config.seed,
            "shares": self._shares_of(table),
        }
        upstream = {hardness_path(name): self.hardness_spec(name)["id"] for name in self.tested()}
        return spec("table", settings, _code("table"), upstream)

    def _shares_of(self, table: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for row in self.rows_of(table):
            for model in self.config.test_models:
                for method in row.methods:
                    share = self.share_spec(method, model, row.dataset, row.variable)
                    found.setdefault(predictions_path(method, model, row.dataset), {})[row.variable] = share["id"]
        return found

    def correlations_spec(self, dataset: str) -> Spec:
        """Identity of a table of rank correlations."""
        statistics = self.config.statistics
        settings = {
            "dataset": dataset,
            "draws": statistics.correlation_draws,
            "level": statistics.level,
            "seed": self.config.seed,
        }
        upstream = {"items": self.items_spec(dataset)["id"], "hardness": self.hardness_spec(dataset)["id"]}
        return spec("correlations", settings, _code("correlations"), upstream)

    def figure_spec(self, figure: str) -> Spec:
        """Identity of a figure."""
        of_dataset = figure.startswith(CORRELATIONS)
        module = CORRELATIONS.removesuffix("_") if of_dataset else figure
        table = self.correlations_spec(figure.removeprefix(CORRELATIONS)) if of_dataset else self.table_spec(figure)
        return spec("figure", {"figure": module}, _code("figure", f"uphill.figures.{module}"), {figure: table["id"]})

    def report_spec(self) -> Spec:
        """Identity of the report, which shows the whole config."""
        settings = {"config": self.config.model_dump(mode="json", exclude_none=True)}
        upstream = {table: self.table_spec(table)["id"] for table in TABLES}
        upstream |= {f"correlations/{name}": self.correlations_spec(name)["id"] for name in self.tested()}
        upstream |= {f"figure/{name}": self.figure_spec(name)["id"] for name in self.figure_names()}
        return spec("report", settings, _code("report", data=(REPORT_TEMPLATE,)), upstream)


def plain(settings: BaseModel) -> dict[str, Any]:
    """Settings as plain data."""
    return settings.model_dump(mode="json")


@functools.cache
def _code(script: str, *also: str, data: tuple[str, ...] = ()) -> str:
    return code_digest(f"{SCRIPTS}/{script}.py", also, data)
