"""The configuration: one pydantic model that checks it, documents it and generates its schema.

A wrong config fails here, before the DAG is built, with the key, the value and what was expected. Its keys of
experiments are those of the modules of uphill/experiments.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, model_validator

from uphill import registry
from uphill.config import graders, labelled, narrowing, own_scales, placing, trained
from uphill.config.alice import Alice
from uphill.config.checks import check_parts, check_settings
from uphill.config.complaints import guess
from uphill.config.entries import Dataset, Model, Responses, Splits, Statistics
from uphill.config.generated import Clusters, Generation
from uphill.config.naming import StudyName
from uphill.config.narrowing import Only
from uphill.config.own_templates import own_templates
from uphill.config.panels import Panel
from uphill.config.referring import references
from uphill.datasets.interface import DatasetSource, source_of
from uphill.datasets.looks import Limit
from uphill.engine.text_recipe import ModelRecipe
from uphill.experiments import arms
from uphill.experiments.arms import Arm, Entry, Given, Level
from uphill.experiments.finding import experiments
from uphill.hardness.data import Graded
from uphill.hardness.interface import Measure, measure_of
from uphill.hardness.levels import Cuts
from uphill.methods.interface import Method, method_of
from uphill.prompts.asks import Ask
from uphill.prompts.forms import Answers, Form, Templates, shipped
from uphill.schemas.level_names import bin_name
from uphill.schemas.names import ALL, LEVELS
from uphill.schemas.own_scales import base_of, own_name
from uphill.schemas.spelling import Name, Names
from uphill.weak_to_strong.interface import ROOM as LABEL_ROOM

FEWEST_KEYS = 4
ALL_VARIABLE = ALL
"""The variable of an unstratified split: one train level, `all`."""


class Config(Entry):
    """The whole study, but for its experiments: `StudyConfig` has these."""

    study: StudyName | None = Field(
        None,
        description="The study's name: all that it makes is under results/NAME, beside other studies; null: results.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Part of every random draw's key.")
    limit: Limit | None = Field(None, description="Keep so many items of each dataset, for a quick look at the study.")
    only: Only | None = Field(None, description="A part of the study, while the rest stays written down.")
    prompts: Path | None = Field(
        None, description="A YAML file of prompt templates of your own, laid out as src/uphill/prompts/templates.yaml."
    )
    answers: Answers = Field(
        "joined",
        description="joined reads an answer as part of the text that it ends: prompt, a space where there is no white "
        "space, and answer are tokenized in one, and tokens that reach beyond the prompt are scored. apart tokenizes "
        "prompt and answer each alone (published).",
    )
    max_prompt_tokens: int | None = Field(
        None,
        ge=4,
        le=10_000_000,
        description="Published, 2048: a prompt that leaves its longest choice no room among so many tokens loses its "
        "last examples, or without examples its end. null refuses what a model's window cannot hold.",
    )
    datasets: dict[Name, Dataset] = Field(min_length=1, description="Datasets by name.")
    models: dict[Name, Model] = Field(min_length=1, description="Models by name.")
    recipes: dict[Name, ModelRecipe] = Field({}, description="By name, how models with `trained` are trained.")
    measures: dict[Name, dict[str, Any]] = Field(
        description="Hardness measures by name: `kind` names a module of uphill/hardness; the rest are its settings. "
        "With `models: each`, of one that asks models, every tested model measures for itself and is trained and "
        "tested on levels of its own."
    )
    panels: dict[Name, Panel] = Field(
        {}, description="Who answers what, by name; an `irt` measure makes a scale of it."
    )
    hardness_models: Names = Field(min_length=1, description="Models whose MDL scores are averaged.")
    methods: dict[Name, dict[str, Any]] = Field(
        description="Methods by name: `kind` names a module of uphill/methods; the rest are its settings."
    )
    labels: dict[Name, dict[str, Any]] = Field(
        {},
        description="Labels by name, which rows of experiments train on instead of right answers: `kind` names a "
        "module of uphill/weak_to_strong/labels; the rest are its settings.",
    )
    asks: dict[Name, Ask] = Field({}, description="What models are asked in words, by name, beside what is shipped.")
    generations: dict[Name, Generation] = Field({}, description="Texts that models write, by name.")
    clusters: dict[Name, Clusters] = Field({}, description="Which texts of an item say the same, by name.")
    alice: dict[Name, Alice] = Field({}, description="Alice in short: each entry stands for entries of other groups.")
    splits: Splits = Field(Splits.model_construct(), description="Who trains, who tests.", validate_default=True)
    responses: Responses = Field(Responses.model_construct(), description="The zero-shot pass.", validate_default=True)
    statistics: Statistics = Field(Statistics.model_construct(), description="Intervals.", validate_default=True)
    test_models: Names = Field(min_length=1, description="Models that every experiment is run on.")

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        for group, field, room, needs in (
            ("measures", "kind", "uphill.hardness", "measure"),
            ("methods", "kind", "uphill.methods", "predict"),
            ("labels", "kind", LABEL_ROOM, "label"),
        ):
            for name, entry in getattr(self, group).items():
                own = registry.without(entry, own_scales.KEY) if group == "measures" else entry
                check_settings(f"{group}.{name}", own, field, room, needs)
        for name, entry in self.measures.items():
            own_scales.check_entry(name, entry, self.asks_models(name))
        for name, dataset in self.datasets.items():
            check_settings(f"datasets.{name}.source", dataset.source, "kind", "uphill.datasets", "load")
            if dataset.binary and self.generative(name):
                raise ValueError(
                    f"datasets.{name}.binary is on, expected a source with choices: its answers are written"
                )
            tested = bool(dataset.pools.test)
            misfit = dataset.stress and dataset.stress.misfit(dataset.binary, self.generative(name), tested)
            if misfit:
                raise ValueError(f"datasets.{name}.stress {misfit}")
        graders.check_graders(self)
        return self

    @model_validator(mode="after")
    def _something_is_run(self) -> Self:
        if not any(getattr(self, experiment) for experiment in experiments()):
            raise ValueError(f"no experiment, expected entries of at least one of {', '.join(experiments())}")
        return self

    @model_validator(mode="after")
    def _tests_are_drawn(self) -> Self:
        if self.splits.fresh_test and not any(one.n_test or self.splits.n_test for one in self.datasets.values()):
            raise ValueError("splits.fresh_test is on and there is no n_test, expected one: all that is left is tested")
        return self

    @model_validator(mode="after")
    def _prompts_exist(self) -> Self:
        asked = [
            (f"datasets.{name}.{field}", getattr(dataset, field))
            for name, dataset in self.datasets.items()
            for field in ("prompt", "cot_prompt", "zero_shot_cot_prompt")
        ]
        for name in self.methods:
            for key in ("prompts", "train_prompts"):
                asked += [(f"methods.{name}.{key}", one) for one in getattr(self.method_settings(name), key, ())]
        for where, template in asked:
            try:
                if template is not None:
                    self.templates.form(template)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            if template is not None and len(template) > FEWEST_KEYS and "cot_prompt" not in where:
                raise ValueError(
                    f"{where} is {template!r}, expected four keys: the fifth, a preface, belongs to a cot_prompt"
                )
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for key, name, known in references(self):
            if name not in known:
                raise ValueError(f"{key} is {name!r}, expected one of {', '.join(sorted(known))}{guess(name, known)}")
        return self

    @model_validator(mode="after")
    def _methods_fit(self) -> Self:
        for where, arm in self.placed_arms():
            for method in arm.methods:
                self._method_fits(f"{where}.methods", method, arm)
        return self

    def _method_fits(self, where: str, method: str, arm: Arm) -> None:
        settings = self.method_settings(method)
        misfit = self.method_module(method).misfit(settings, self.generative(arm.dataset))
        if misfit:
            raise ValueError(f"{where}: {method!r} cannot be used on dataset {arm.dataset!r}: {misfit}")
        drawn = arm.n_train or self.splits.n_train
        if self.n_train(method) > drawn and method not in arm.sizes:
            raise ValueError(
                f"methods.{method} trains on {self.n_train(method)} items, expected at most splits.n_train ({drawn})"
            )
        if method in arm.sizes and not self.n_train(method):
            raise ValueError(f"{where}: {method!r} trains on nothing, expected a method that has sizes")
        for dataset in arm.drawn_from if self.n_train(method) else ():
            if not self.answered(dataset):
                raise ValueError(
                    f"{where}: {method!r} trains on dataset {dataset!r}, whose source has answer: null, expected a "
                    "dataset with right answers"
                )
        labelled.check_fit(self, where, method, arm)
        for dataset in arm.involved:
            if getattr(settings, "cot", False) and self.datasets[dataset].cot_prompt is None:
                raise ValueError(
                    f"datasets.{dataset}.cot_prompt is missing, expected a template id for method {method!r}"
                )

    def entries(self, experiment: str) -> Mapping[str, Entry]:
        """The entries of an experiment, by name, or by number where they have none."""
        found = getattr(self, experiment)
        every = found if isinstance(found, Mapping) else {str(number): entry for number, entry in enumerate(found)}
        return narrowing.entries(every, self.only)

    def arms(self) -> list[Arm]:
        """Every arm of every experiment; each, where it is so made, with the method whose accuracy is Unsupervised."""
        return [*self._arms]

    @functools.cached_property
    def _arms(self) -> tuple[Arm, ...]:
        # Asked for at every turn, and made of all rows.
        return tuple(arm for _, arm in self.placed_arms())

    @functools.cached_property
    def label_entries(self) -> Mapping[str, dict[str, Any]]:
        """Entries of labels by name: the config's own, and those that entries of experiments imply."""
        return labelled.found(self)

    def placed_arms(self) -> Iterator[tuple[str, Arm]]:
        """Arms, and where in the config each is."""
        yield from placing.placed_arms(self)

    @property
    def given(self) -> Given:
        """What experiments and labels may ask of the rest."""
        models = narrowing.models(self.test_models, self.only)
        return Given(models, self._n_train_if_known, self.levels, functools.partial(labelled.pool_of, self))

    def _n_train_if_known(self, method: str) -> int:
        return self.n_train(method) if method in self.methods else 0

    def levels(self, dataset: str, variable: str) -> tuple[Level, ...]:
        """The levels that a variable of a dataset is cut into, from easy to hard."""
        how = self.cut(dataset, variable) if dataset in self.datasets else None
        bins = [bin_name(number + 1) for number in range(how.n_bins)] if how and how.n_bins else None
        return arms.levels_of(variable, bins or LEVELS)

    def cut(self, dataset: str, variable: str) -> Cuts | None:
        """How a variable of a dataset is cut, where that is said; of a scale of one model, as that of any."""
        return self.datasets[dataset].cuts.get(base_of(variable))

    def cuts(self, dataset: str) -> dict[str, Cuts]:
        """How the variables of a dataset are cut, of which that is said."""
        found = {name: cut for name in self.variables(dataset) if (cut := self.cut(dataset, name)) is not None}
        return {**self.datasets[dataset].cuts, **found}

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    @functools.cached_property
    def templates(self) -> Templates:
        """The shipped prompt templates, and the user's own."""
        return shipped().extended(own_templates(self.prompts)) if self.prompts else shipped()

    def forms(self, dataset: str, model: str, zero_shot: bool = False) -> dict[str, Form | None]:
        """How a dataset's questions are put to a model, as texts: `prompt` and `cot_prompt`."""
        entry = self.datasets[dataset]
        reasoned = (entry.zero_shot_cot_prompt if zero_shot else None) or entry.cot_prompt
        return {
            "prompt": self.form(entry.prompt, model),
            "cot_prompt": None if reasoned is None else self.form(reasoned, model),
        }

    def form(self, template: str, model: str) -> Form:
        """What a template id stands for, as a model is asked."""
        return self.templates.form(template, self.model(model).trailing_space, self.answers)

    def model(self, name: str) -> Model:
        """A model's entry; of one that is trained here, with what it has of its base."""
        return trained.resolved(self, name)

    def method_module(self, name: str) -> Method:
        """The module that a method's entry names."""
        return method_of(self.methods[name]["kind"])

    def method_settings(self, name: str) -> BaseModel:
        """A method's entry as its module's settings."""
        return registry.settings_of(self.method_module(name), registry.without(self.methods[name], "kind"))

    def measure_module(self, name: str) -> Measure:
        """The module that a hardness measure's entry names."""
        return measure_of(self.measures[name]["kind"])

    def measure_settings(self, name: str) -> BaseModel:
        """A hardness measure's entry as its module's settings."""
        own = registry.without(registry.without(self.measures[name], "kind"), own_scales.KEY)
        return registry.settings_of(self.measure_module(name), own)

    def asks_models(self, measure: str) -> bool:
        """Whether a measure asks hardness models, each by itself."""
        module = self.measure_module(measure)
        asks = module.RUNS_MODEL or module.READS_RESPONSES or bool(registry.reads_texts(module))
        return self.panel_of(measure) is None and asks

    def measuring(self, measure: str, dataset: str) -> list[str]:
        """The models that a measure asks."""
        if own_scales.is_own(self, measure):
            return self._measuring.get((measure, dataset), [])
        return self.hardness_models if self.asks_models(measure) else []

    @functools.cached_property
    def _measuring(self) -> dict[tuple[str, str], list[str]]:
        return own_scales.measuring(self, (arm for _, arm in placing.whole_arms(self)))

    def panel_of(self, measure: str) -> str | None:
        """The panel whose answers a measure reads, if it names one."""
        found: str | None = getattr(self.measure_settings(measure), "panel", None)
        return found

    def source_module(self, dataset: str) -> DatasetSource:
        """The module that a dataset's source names."""
        return source_of(self.datasets[dataset].source["kind"])

    def source_settings(self, dataset: str) -> BaseModel:
        """A dataset's source as its module's settings."""
        return registry.settings_of(
            self.source_module(dataset), registry.without(self.datasets[dataset].source, "kind")
        )

    def grader(self, dataset: str, method: str) -> tuple[str, BaseModel]:
        """The module of uphill/grading that grades what a method says of a dataset, and its settings."""
        return graders.grader(self, dataset, method)

    def generative(self, dataset: str) -> bool:
        """Whether a dataset's answers are written rather than chosen."""
        return bool(getattr(self.source_settings(dataset), "generative", False))

    def answered(self, dataset: str) -> bool:
        """Whether a dataset says what is right."""
        return bool(getattr(self.source_settings(dataset), "answered", True))

    def graded(self, dataset: str) -> Graded:
        """What a hardness measure may know of a dataset."""
        entry = self.datasets[dataset]
        generative, answered = self.generative(dataset), self.answered(dataset)
        return Graded(dataset, entry.human, generative, entry.pools.hardness_size, answered)

    def measures_of(self, dataset: str) -> dict[str, list[str]]:
        """The variables of each measure that applies to a dataset."""
        found = {name: self.measured_by(name, dataset) for name in self.measures}
        for name in self.measures:
            if own_scales.is_own(self, name):
                models = self.measuring(name, dataset)
                found[name] = [own_name(variable, model) for model in models for variable in found[name]]
        return {name: variables for name, variables in found.items() if variables}

    def measured_by(self, measure: str, dataset: str) -> list[str]:
        """What a measure gives a dataset, whoever measures."""
        settings = self.measure_settings(measure)
        return list(self.measure_module(measure).variables(measure, settings, self.graded(dataset)))

    def variables(self, dataset: str) -> list[str]:
        """Every hardness variable of a dataset."""
        return [variable for variables in self.measures_of(dataset).values() for variable in variables]

    def n_train(self, name: str) -> int:
        """How many training items a method uses in a cell; 0 for an unsupervised one."""
        settings = self.method_settings(name)
        return int(getattr(settings, "n_train", 0) or getattr(settings, "k", 0))
