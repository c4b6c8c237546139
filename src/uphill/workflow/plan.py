"""What each job is made from: the identity of everything that it reads, of its code and of its upstream."""

import functools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel

from uphill.datasets.pools import PoolFile
from uphill.experiments import NOISY_LABELS, QUANTIZATION, Row
from uphill.identity import code_contents, digest, file_digest, folder_digest, spec
from uphill.schemas import UNSUPERVISED
from uphill.splits import SplitSettings
from uphill.workflow.claims import check_claims
from uphill.workflow.drawings import HARDNESS
from uphill.workflow.layout import READS_HARDNESS, READS_RESPONSES, RUNS_MODEL, Layout, remembered
from uphill.workflow.paths import CORRELATIONS, hardness_path, measure_path, predictions_path, splits_path

SCRIPTS = "workflow/scripts"
REPORT_TEMPLATE = "src/uphill/report/report.html.j2"
MEASURE_SCRIPTS = {None: "measure", READS_RESPONSES: "measure_from_responses", RUNS_MODEL: "measure_on_model"}

Spec = dict[str, Any]


@dataclass(frozen=True)
class Plan(Layout):
    """Files and identities of a study."""

    def check_names(self) -> None:
        """Whether every file has one maker.

        Raises:
            UphillError: two names of the config make one file, or one that is too long.
        """
        check_claims(self)

    def check(self) -> None:
        """Look at everything outside the workflow that it reads.

        Raises:
            UphillError: a file of items or of a measure, or a model's folder, is missing, or a file has two makers.
        """
        self.check_names()
        for dataset in self.tested():
            self.hardness_spec(dataset)
        for model in self.models():
            self.model_identity(model)

    @remembered
    def items_spec(self, dataset: str) -> Spec:
        """Identity of an item table."""
        entry, source = self.config.datasets[dataset], self.config.source_settings(dataset)
        settings: dict[str, Any] = {
            "dataset": dataset,
            "source": plain(source),
            "pools": plain(entry.pools),
            "seed": self.config.seed,
        }
        if isinstance(entry.pools.hardness, PoolFile):
            settings["pool_content"] = file_digest(str(entry.pools.hardness.ids))
        files = getattr(source, "files", [])
        if files:
            settings["content"] = [file_digest(str(path)) for path in files]
        kind = entry.source["kind"]
        settings["kind"] = kind
        return spec("items", settings, _code("items", f"uphill.datasets.{kind}"), {})

    @remembered
    def model_identity(self, model: str) -> dict[str, Any]:
        """What decides a model's numbers: its config entry, how texts become tokens, the content of a local folder."""
        entry = self.config.models[model]
        content = {"content": folder_digest(entry.path, entry.trust_remote_code)} if entry.path else {}
        tokens = {"answers": self.config.answers, "max_prompt_tokens": self.config.max_prompt_tokens}
        return {"name": model, **plain(entry), **tokens, **content}

    def _asked(self, model: str, dataset: str, zero_shot: bool) -> dict[str, Any]:
        """How a dataset's questions are put to a model without examples, as far as that is used."""
        forms = self.config.forms(dataset, model, zero_shot)
        return forms if self.config.generative(dataset) else {**forms, "cot_prompt": None}

    @remembered
    def responses_spec(self, model: str, dataset: str) -> Spec:
        """Identity of the zero-shot pass of a model over a dataset."""
        settings = {
            "model": self.model_identity(model),
            "asked": self._asked(model, dataset, zero_shot=True),
            **plain(self.config.responses),
        }
        return spec("responses", settings, _code("responses"), {"items": self.items_spec(dataset)["id"]})

    @remembered
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

    @remembered
    def hardness_spec(self, dataset: str) -> Spec:
        """Identity of a hardness table."""
        cuts = self.config.datasets[dataset].cuts
        settings = {"cuts": {variable: plain(cut) for variable, cut in cuts.items()}}
        upstream = {
            measure_path(dataset, *job): self.measure_spec(dataset, *job)["id"] for job in self.measure_jobs(dataset)
        }
        return spec("hardness", settings, _code("hardness"), {**upstream, "items": self.items_spec(dataset)["id"]})

    @remembered
    def splits_spec(self, dataset: str, draw: str) -> Spec:
        """Identity of a dataset's splits: of a variable, or of an experiment with sizes, levels or bands of its own."""
        row, entry = self.drawn()[dataset, draw], self.config.datasets[dataset]
        n_test = entry.n_test or self.config.splits.n_test
        bands = {name: asdict(band) for name, band in row.bands.get(dataset, {}).items()}
        settings = {
            "dataset": dataset,
            "variable": row.variable,
            "bands": bands,
            "cuts": {name: plain(cut) for name, cut in entry.cuts.items() if name in self.graded_by(dataset, draw)},
            "draw": asdict(
                SplitSettings(
                    boots=row.boots or self.config.splits.draws,
                    n_train=row.n_train or self.config.splits.n_train,
                    n_test=n_test,
                    min_test=1 if bands else self.config.splits.min_test,
                    seed=self.config.seed,
                    own_test=self.config.splits.own_test,
                    fresh_test=self.config.splits.fresh_test and n_test is not None,
                    fixed_noise=self.config.splits.fixed_noise,
                    folds=self.config.splits.folds is not None,
                    train_on_test=self.config.splits.train_on_test,
                    train_on=_listed(row.train_on if dataset == row.dataset else row.rungs_of(dataset)),
                    test_on=[] if bands and dataset != row.dataset else _listed(row.test_on),
                )
            ),
        }
        upstream = {"items": self.items_spec(dataset)["id"]}
        upstream |= {
            measure_path(dataset, *job): self.measure_spec(dataset, *job)["id"]
            for job in self._measuring(dataset, self.graded_by(dataset, draw))
        }
        return spec("splits", settings, _code("splits"), upstream)

    @remembered
    def share_spec(self, method: str, model: str, row: Row) -> Spec:
        """Identity of what one job predicts for one row."""
        module = self.config.method_module(method)
        settings = {
            "method": method,
            "kind": self.config.methods[method]["kind"],
            "settings": plain(self.config.method_settings(method)),
            "model": self.model_identity(model) if module.RUNS_MODEL else {"name": model},
            "experiment": row.experiment,
            "variable": row.variable,
            "draw": row.draw,
            "sources": list(row.sources),
            "sizes": list(row.sizes.get(method, ())),
            "noise": list(row.noise),
            "hard_noise": row.hard_noise,
            "datasets": {name: self._put(method, model, name) for name in row.involved},
            "seed": self.config.seed,
        }
        upstream = {}
        for name in row.involved:
            upstream[f"items/{name}"] = self.items_spec(name)["id"]
            upstream[f"splits/{name}"] = self.splits_spec(name, row.draw)["id"]
            if module.READS_RESPONSES:
                upstream[f"responses/{name}"] = self.responses_spec(model, name)["id"]
        script = "predictions_on_model" if module.RUNS_MODEL else "predictions_from_responses"
        code = _code(script, f"uphill.methods.{settings['kind']}")
        return spec("predictions", settings, code, upstream)

    def _put(self, method: str, model: str, dataset: str) -> dict[str, Any]:
        """How a method puts a dataset's questions to a model, and how long an answer may be."""
        settings = self.config.method_settings(method)
        zero_shot = getattr(settings, "k", None) == 0
        return {
            **self.config.forms(dataset, model, zero_shot),
            "forms": {name: self.config.form(name, model) for name in getattr(settings, "prompts", ())},
            "max_new_tokens": self.config.datasets[dataset].max_new_tokens,
        }

    @remembered
    def predictions_spec(self, method: str, model: str, dataset: str) -> Spec:
        """Identity of one job's predictions: that of each of its shares."""
        shares = {row.share: self.share_spec(method, model, row) for row in self.shares(method, model, dataset)}
        upstream = {share: made["id"] for share, made in shares.items()}
        code = next(iter(shares.values()))["code"]
        return spec("predictions", {"shares": shares}, code, upstream)

    @remembered
    def table_spec(self, table: str) -> Spec:
        """Identity of a table; `shares` says what each file of predictions must record for each of its shares."""
        statistics, rows = self.config.statistics, self.rows(self.experiment_of(table))
        settings = {
            "table": table,
            "unsupervised": {name: entry.unsupervised for name, entry in self.config.datasets.items()},
            "draws": statistics.draws,
            "level": statistics.level,
            "seed": self.config.seed,
            "shares": self._shares_of(rows),
            "hard_noise": _hard_noise(rows) if table == NOISY_LABELS else [],
            "rungs": list(rows[0].train_on or ()) if rows[0].bands else [],
            "seen": self.config.splits.train_on_test,
            "pairs": self._pairs() if table == QUANTIZATION else {},
        }
        upstream = {splits_path(row.dataset, row.draw): self.splits_spec(row.dataset, row.draw)["id"] for row in rows}
        if table in READS_HARDNESS:
            upstream |= {hardness_path(row.dataset): self.hardness_spec(row.dataset)["id"] for row in rows}
        return spec("table", settings, _code("table"), upstream)

    def _shares_of(self, rows: Iterable[Row]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            for model in row.models:
                for method in row.methods:
                    own = next(share for share in self.shares(method, model, row.dataset) if share.share == row.share)
                    path = predictions_path(method, model, row.dataset)
                    found.setdefault(path, {})[row.share] = self.share_spec(method, model, own)["id"]
        return found

    def _pairs(self) -> dict[str, dict[str, str]]:
        """By dataset, the quantized model of each full one."""
        found: dict[str, dict[str, str]] = {}
        for entry in self.config.quantization:
            found.setdefault(entry.dataset, {}).update(entry.pairs)
        return found

    def wide_spec(self) -> Spec:
        """Identity of the tables as a paper prints them."""
        names = self.wide_names()
        settings = {
            "tables": dict(names),
            "unsupervised": {name: entry.unsupervised for name, entry in self.config.datasets.items()},
        }
        upstream = {tidy: self.table_spec(tidy)["id"] for tidy in names.values()}
        return spec("wide", settings, _code("wide"), upstream)

    @remembered
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

    @remembered
    def figure_spec(self, figure: str) -> Spec:
        """Identity of a figure; `order` is that of its panels, bars and lines."""
        drawing, config = self.drawings()[figure], self.config
        rungs = config.ladders[figure].train if figure in config.ladders else {}
        order = {
            "model": list(config.models),
            "dataset": list(config.datasets),
            "method": list(config.methods),
            "train_on": [UNSUPERVISED, *rungs],
        }
        settings = {
            "module": drawing.module,
            "options": dict(drawing.options),
            "order": order,
            "unsupervised": {name: entry.unsupervised for name, entry in config.datasets.items()},
        }
        code = _code("figure", f"uphill.figures.{drawing.module}")
        return spec("figure", settings, code, self._drawn_from(drawing.table))

    def _drawn_from(self, table: str) -> dict[str, str]:
        if table == HARDNESS:
            return {name: self.hardness_spec(name)["id"] for name in self.tested()}
        if table.startswith(CORRELATIONS):
            return {table: self.correlations_spec(table.removeprefix(CORRELATIONS))["id"]}
        return {table: self.table_spec(table)["id"]}

    def report_spec(self) -> Spec:
        """Identity of the report, which shows the whole config."""
        settings = {"config": _in_order(self.config.model_dump(mode="json", exclude_none=True))}
        upstream = {table: self.table_spec(table)["id"] for table in self.table_names()}
        upstream |= {f"{CORRELATIONS}{name}": self.correlations_spec(name)["id"] for name in self.tested()}
        upstream |= {f"figure/{name}": self.figure_spec(name)["id"] for name in self.figure_names()}
        upstream |= {f"items/{name}": self.items_spec(name)["id"] for name in self.tested()}
        upstream |= {f"hardness/{name}": self.hardness_spec(name)["id"] for name in self.tested()}
        upstream["wide"] = self.wide_spec()["id"]
        return spec("report", settings, _code("report", data=(REPORT_TEMPLATE,)), upstream)


def _hard_noise(rows: Iterable[Row]) -> list[list[Any]]:
    """[model, dataset, variable, method, factor] of each row of the config that noise is multiplied in."""
    return [
        [model, row.dataset, row.variable, method, row.hard_noise]
        for row in rows
        for model in row.models
        for method in row.methods
    ]


def _in_order(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the keys of free entries sorted: their order says nothing, and a change of it reruns nothing."""
    for group in ("methods", "hardness"):
        config[group] = {name: dict(sorted(entry.items())) for name, entry in config[group].items()}
    for entry in config["datasets"].values():
        entry["source"] = dict(sorted(entry["source"].items()))
    return config


def _listed(names: Iterable[str] | None) -> list[str] | None:
    """Names as plain data."""
    return None if names is None else list(names)


def plain(settings: BaseModel) -> dict[str, Any]:
    """Settings as plain data."""
    return settings.model_dump(mode="json")


code_of: dict[str, dict[str, str]] = {}
"""The modules behind each digest of code that a plan has named so far."""


@functools.cache
def _code(script: str, *also: str, data: tuple[str, ...] = ()) -> str:
    contents = code_contents(f"{SCRIPTS}/{script}.py", also, data)
    found = digest(contents)
    code_of[found] = contents
    return found
