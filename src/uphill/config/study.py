"""The configuration: one pydantic model that checks it, documents it and generates its schema.

A wrong config fails here, before the DAG is built, with the key, the value and what was expected.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from uphill import registry
from uphill.config.checks import check_parts, check_settings
from uphill.config.complaints import first_problem, guess
from uphill.config.renamed_keys import outdated
from uphill.config.yaml_files import plain, read_map, read_yaml
from uphill.datasets.interface import DatasetSource, source_of
from uphill.datasets.pools import Pools
from uphill.errors import UphillError
from uphill.experiments import (
    AllToAll,
    Entry,
    Ladder,
    LearningCurves,
    NoisyLabels,
    Population,
    Quantization,
    Row,
)
from uphill.grading.grade import OF_SCORES, OF_TEXTS, grader_of, reads_texts
from uphill.hardness.data import Graded
from uphill.hardness.interface import Measure, measure_of
from uphill.hardness.levels import Cuts
from uphill.methods.interface import Method, method_of
from uphill.prompts.forms import Answers, Form, Templates, shipped
from uphill.running.hub import HUB_ID, pinned
from uphill.running.secrets import keys_with_tokens
from uphill.schemas.names import ALL
from uphill.schemas.spelling import Name, Names, distinct

FEWEST_KEYS = 4
ALL_VARIABLE = ALL
"""The variable of an unstratified split: one train level, `all`."""


class Dataset(Entry):
    """Where a dataset's questions come from, how they are asked, and which of its columns people graded."""

    source: dict[str, Any] = Field(description="`kind` names a module of uphill/datasets; the rest are its settings.")
    prompt: str = Field(
        description="Template id of the prompt that asks for the answer at once: four keys, such as 0040, of an "
        "instruction, a question, a choices and a label template."
    )
    cot_prompt: str | None = Field(
        None,
        description="Template id of the prompt that asks for reasoning first, or for a written answer; a fifth key "
        "names its preface (0: A:, 1: step by step, 2 and 3: the answer alone, 4: nothing),",
    )
    zero_shot_cot_prompt: str | None = Field(
        None, description="and of the one that does so without examples or training, where it differs (GSM8K: 5305)."
    )
    human: Annotated[list[Name], AfterValidator(distinct)] = Field(
        [], description="Columns that hold a human (or true) grade of difficulty."
    )
    cuts: dict[str, Cuts] = Field({}, description="Levels by variable; one without is cut at its .3 and .7 quantiles.")
    pools: Pools = Field(
        Pools.model_construct(),
        description="Items that are set aside: to measure hardness on, to teach a teacher, to test.",
        validate_default=True,
    )

    n_test: int | None = Field(None, ge=3, le=1_000_000, description="Test items of a boot, instead of splits.n_test.")
    unsupervised: str = Field("zero_shot", description="The method whose accuracy is Unsupervised in SGR.")
    grader: dict[str, Any] | None = Field(
        None,
        description="How answers are graded: `kind` names a module of uphill/grading; the rest are its settings. Texts "
        "are graded by `stated` and scores of choices by `choice`, unless the grader that is named here is for them.",
    )
    max_new_tokens: int = Field(100, ge=1, le=32_768, description="Longest generated answer, in tokens.")


class Model(Entry):
    """A language model: what decides its numbers. What it runs on is in config/hardware.yaml."""

    path: str | None = Field(None, description="A local folder, or")
    hub_id: str | None = Field(None, description="a Hugging Face hub id, with a")
    revision: str | None = Field(None, description="pinned commit of the hub's repository, 40 hex digits.")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("bfloat16", description="Number format of the weights.")
    quantization: Literal["none", "8bit", "4bit"] = Field("none", description="bitsandbytes: LLM.int8 or NF4.")
    trust_remote_code: bool = Field(False, description="Run code that comes with the model. Read it first.")
    chat: bool | dict[str, Any] = Field(
        False,
        description="Put prompts as a user's turn in the tokenizer's chat template; a map gives the template "
        "variables, such as {enable_thinking: false}.",
    )
    trailing_space: bool = Field(
        False,
        description="Published for models not named Llama: prompts keep the space that the label template ends in, "
        "such as that of `Answer: `. It moves no score where `answers` are joined, for then it is the answer's own.",
    )
    bos: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether a text opens with BOS: auto as the tokenizer itself does it, always, or never. A chat "
        "template writes its own.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub_id is None):
            raise ValueError("expected either path or hub_id")
        if self.hub_id is not None:
            self._pinned(self.hub_id)
        elif self.revision is not None:
            raise ValueError(f"revision is {self.revision!r} beside path, expected it beside hub_id alone")
        elif not self.path or not (Path(self.path) / "config.json").is_file():
            raise ValueError(f"no model in the folder {self.path!r}, expected a config.json and safetensors there")
        return self

    def _pinned(self, hub_id: str) -> None:
        if not HUB_ID.fullmatch(hub_id):
            raise ValueError(f"hub_id is {hub_id!r}, expected a name such as owner/model")
        if self.revision is None:
            raise ValueError("expected a revision beside hub_id, so that results can be made again")
        try:
            pinned(self.revision)
        except ValueError as error:
            raise ValueError(f"revision {error}") from None


class Splits(Entry):
    """Who trains and who tests."""

    boots: int = Field(5, ge=1, le=1000, description="Independent draws of the training items.")
    n_train: int = Field(
        160, ge=1, le=100_000, description="Training items of a cell; a method may use the first few of them."
    )
    n_test: int | None = Field(
        None, ge=3, le=1_000_000, description="Test items of a boot, equal shares a level; null tests all."
    )
    min_test: int = Field(
        50, ge=0, le=1_000_000, description="Items that each level must keep for testing after training is drawn."
    )
    own_test: bool = Field(False, description="Published: a level tests on what other levels train on. Not paired.")
    fresh_test: bool = Field(False, description="Published: the n_test items are drawn anew for each boot.")
    fixed_noise: bool = Field(False, description="Published: noise falls on the same places in every boot.")

    folds: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="The boots are so many folds of each level: boot b tests fold b, on which no level trains, so that "
        "each item is tested once. null: boots are drawn.",
    )
    train_on_test: bool = Field(
        False, description="Published: what is tested may be trained on too; tables say how much of it was (seen)."
    )

    @property
    def draws(self) -> int:
        """How many boots there are."""
        return self.folds or self.boots

    @model_validator(mode="after")
    def _one_kind_of_test(self) -> Self:
        if self.own_test and self.n_test is not None:
            raise ValueError(
                f"own_test is on and n_test {self.n_test}, expected n_test null: it tests all that is left"
            )
        if self.own_test and self.train_on_test:
            raise ValueError("own_test and train_on_test are on, expected one of them")
        if self.folds:
            for key in ("own_test", "fresh_test", "train_on_test"):
                if getattr(self, key):
                    raise ValueError(f"folds is {self.folds} and {key} on, expected one of them")
            if "boots" in self.model_fields_set and self.boots != self.folds:
                raise ValueError(f"folds is {self.folds} and boots {self.boots}, expected no boots: each fold is one")
        return self


class Statistics(Entry):
    """How intervals are made."""

    draws: int = Field(10_000, ge=100, le=1_000_000, description="Bootstrap draws.")
    correlation_draws: int = Field(1_000, ge=100, le=1_000_000, description="Bootstrap draws of a rank correlation.")
    coverage: float = Field(0.95, gt=0, lt=1, description="Coverage of intervals.")


class Responses(Entry):
    """The zero-shot pass over every item."""

    shards: int = Field(1, ge=1, le=1000, description="Parquet files a (model, dataset) pair is written to.")
    layers: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], AfterValidator(distinct)] | None = Field(
        None,
        min_length=1,
        description="Hidden states of the L+1 that are kept where a method or measure reads them; null keeps "
        "ceil((L+1)/2) and L, the published two.",
    )


class Config(Entry):
    """The whole study."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="Part of every random draw's key.")
    prompts: Path | None = Field(
        None,
        description="A YAML file of prompt templates of your own, laid out as src/uphill/prompts/templates.yaml.",
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
    measures: dict[Name, dict[str, Any]] = Field(
        description="Hardness measures by name: `measure` names a module of uphill/hardness; the rest are its settings."
    )
    hardness_models: Names = Field(min_length=1, description="Models whose MDL scores are averaged.")
    methods: dict[Name, dict[str, Any]] = Field(
        description="Methods by name: `kind` names a module of uphill/methods; the rest are its settings."
    )
    splits: Splits = Field(Splits.model_construct(), description="Who trains, who tests.", validate_default=True)
    responses: Responses = Field(Responses.model_construct(), description="The zero-shot pass.", validate_default=True)
    statistics: Statistics = Field(Statistics.model_construct(), description="Intervals.", validate_default=True)
    test_models: Names = Field(min_length=1, description="Models that every experiment is run on.")
    population: list[Population] = Field(min_length=1, description="Rows of the population experiment.")
    all_to_all: list[AllToAll] = Field([], description="Rows of the all-to-all experiment.")
    learning_curves: list[LearningCurves] = Field([], description="Rows of the learning curves.")
    noisy_labels: list[NoisyLabels] = Field([], description="Rows of the experiment on label noise.")
    ladders: dict[Name, Ladder] = Field({}, description="Ladders by name, which is also that of the table.")
    quantization: list[Quantization] = Field([], description="Rows of the comparison with quantized models.")

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        for group, field, room, needs in (
            ("measures", "kind", "uphill.hardness", "measure"),
            ("methods", "kind", "uphill.methods", "predict"),
        ):
            for name, entry in getattr(self, group).items():
                check_settings(f"{group}.{name}", entry, field, room, needs)
        for name, dataset in self.datasets.items():
            check_settings(f"datasets.{name}.source", dataset.source, "kind", "uphill.datasets", "load")
            if dataset.grader is not None:
                check_settings(f"datasets.{name}.grader", dataset.grader, "kind", "uphill.grading", "grade")
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
            asked += [(f"methods.{name}.prompts", one) for one in getattr(self.method_settings(name), "prompts", ())]
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
        for key, name, known in self._references():
            if name not in known:
                raise ValueError(f"{key} is {name!r}, expected one of {', '.join(sorted(known))}{guess(name, known)}")
        return self

    @model_validator(mode="after")
    def _methods_fit(self) -> Self:
        for where, row in self.placed_rows():
            for method in row.methods:
                self._method_fits(f"{where}.methods", method, row)
        return self

    def _method_fits(self, where: str, method: str, row: Row) -> None:
        settings = self.method_settings(method)
        misfit = self.method_module(method).misfit(settings, self.generative(row.dataset))
        if misfit:
            raise ValueError(f"{where}: {method!r} cannot be used on dataset {row.dataset!r}: {misfit}")
        drawn = row.n_train or self.splits.n_train
        if self.n_train(method) > drawn and method not in row.sizes:
            raise ValueError(
                f"methods.{method} trains on {self.n_train(method)} items, expected at most splits.n_train ({drawn})"
            )
        if method in row.sizes and not self.n_train(method):
            raise ValueError(f"{where}: {method!r} trains on nothing, expected a method that has sizes")
        for dataset in row.sources if self.n_train(method) else ():
            if not self.answered(dataset):
                raise ValueError(
                    f"{where}: {method!r} trains on dataset {dataset!r}, whose source has answer: null, expected a "
                    "dataset with right answers"
                )
        for dataset in row.involved:
            if getattr(settings, "cot", False) and self.datasets[dataset].cot_prompt is None:
                raise ValueError(
                    f"datasets.{dataset}.cot_prompt is missing, expected a template id for method {method!r}"
                )

    def _references(self) -> Iterator[tuple[str, str, set[str]]]:
        datasets, models, methods = set(self.datasets), set(self.models), set(self.methods)
        for group in ("hardness_models", "test_models"):
            for number, name in enumerate(getattr(self, group)):
                yield f"{group}.{number}", name, models
        for name, dataset in self.datasets.items():
            yield f"datasets.{name}.unsupervised", dataset.unsupervised, methods
        for name, entry in self.measures.items():
            if "dataset" in entry:
                yield f"measures.{name}.dataset", entry["dataset"], datasets
        for where, row in self.placed_rows():
            for used in row.involved:
                yield f"{where}.dataset" if used == row.dataset else f"{where}.train_from", used, datasets
            for method in row.methods:
                yield f"{where}.methods", method, methods
            for model in row.models:
                yield f"{where}.models", model, models

    def rows(self) -> list[Row]:
        """Every row of every experiment; each but quantization has the method whose accuracy is Unsupervised."""
        return [row for _, row in self.placed_rows()]

    def placed_rows(self) -> Iterator[tuple[str, Row]]:
        """Rows, and where in the config each is."""
        groups: tuple[list[Any], ...] = (self.population, self.all_to_all, self.learning_curves, self.noisy_labels)
        for group in groups:
            for number, entry in enumerate(group):
                row = entry.row(self.test_models)
                yield f"{row.experiment}.{number}", self._with_baseline(row)
        for number, pairs in enumerate(self.quantization):
            yield f"quantization.{number}", pairs.row()
        for name, ladder in self.ladders.items():
            n_train = max((self.n_train(method) for method in ladder.methods if method in self.methods), default=0)
            yield f"ladders.{name}", self._with_baseline(ladder.row(name, self.test_models, max(1, n_train)))

    def _with_baseline(self, row: Row) -> Row:
        dataset = self.datasets.get(row.dataset)
        return replace(row, methods=tuple(dict.fromkeys([*row.methods, *([dataset.unsupervised] if dataset else [])])))

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    @functools.cached_property
    def templates(self) -> Templates:
        """The shipped prompt templates, and the user's own."""
        return shipped().extended(_own_templates(self.prompts)) if self.prompts else shipped()

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
        return self.templates.form(template, self.models[model].trailing_space, self.answers)

    def method_module(self, name: str) -> Method:
        """The module that a method's entry names."""
        return method_of(self.methods[name]["kind"])

    def method_settings(self, name: str) -> BaseModel:
        """A method's entry as its module's settings."""
        return registry.settings_of(self.method_module(name), _without(self.methods[name], "kind"))

    def measure_module(self, name: str) -> Measure:
        """The module that a hardness measure's entry names."""
        return measure_of(self.measures[name]["kind"])

    def measure_settings(self, name: str) -> BaseModel:
        """A hardness measure's entry as its module's settings."""
        return registry.settings_of(self.measure_module(name), _without(self.measures[name], "kind"))

    def source_module(self, dataset: str) -> DatasetSource:
        """The module that a dataset's source names."""
        return source_of(self.datasets[dataset].source["kind"])

    def source_settings(self, dataset: str) -> BaseModel:
        """A dataset's source as its module's settings."""
        return registry.settings_of(self.source_module(dataset), _without(self.datasets[dataset].source, "kind"))

    def grader(self, dataset: str, method: str) -> tuple[str, BaseModel]:
        """The module of uphill/grading that grades what a method says of a dataset, and its settings."""
        writes = bool(getattr(self.method_settings(method), "cot", False))
        entry = self.datasets[dataset].grader
        if entry is None or reads_texts(entry["kind"]) != writes:
            entry = {"kind": OF_TEXTS if writes else OF_SCORES}
        return entry["kind"], registry.settings_of(grader_of(entry["kind"]), _without(entry, "kind"))

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
        found = {
            name: list(self.measure_module(name).variables(name, self.measure_settings(name), self.graded(dataset)))
            for name in self.measures
        }
        return {name: variables for name, variables in found.items() if variables}

    def variables(self, dataset: str) -> list[str]:
        """Every hardness variable of a dataset."""
        return [variable for variables in self.measures_of(dataset).values() for variable in variables]

    def n_train(self, name: str) -> int:
        """How many training items a method uses in a cell; 0 for an unsupervised one."""
        settings = self.method_settings(name)
        return int(getattr(settings, "n_train", 0) or getattr(settings, "k", 0))


def _own_templates(path: Path) -> Templates:
    """A user's templates; ValueError where they cannot be read."""
    try:
        sections = read_yaml(path, keys_as_text=True)
        if not isinstance(sections, Mapping):
            raise ValueError(f"prompts: {path}: expected the sections {', '.join(Templates.model_fields)}")
        return Templates.model_validate(dict(sections))
    except UphillError as error:
        raise ValueError(f"prompts: {error}") from None
    except ValidationError as error:
        raise ValueError(f"prompts: {path}: {first_problem(error, Templates)}") from None


def _without(entry: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != field}


def plain_yaml(files: Iterable[Path | str]) -> None:
    """Refuse files that say something twice, or something that Snakemake reads otherwise, or evaluates as Python.

    Snakemake reads its config before any of this project's code runs, so of its own start this is a refusal and no
    protection; `python -m uphill check`, which `make` runs first, evaluates nothing.

    Raises:
        UphillError: a file is not plain YAML.
    """
    for path in files:
        read_map(path)


def check(raw: Mapping[str, Any], where: str = "config") -> Config:
    """The config in `raw`, checked: whole numbers are whole numbers and texts are texts, as written.

    Raises:
        UphillError: one line with `where`, the key, the value and what was expected.
    """
    for complaint in plain(raw):
        raise UphillError(f"{where}: {complaint}")
    for complaint in outdated(raw):
        raise UphillError(f"{where}: {complaint}")
    for key in keys_with_tokens(raw):
        raise UphillError(f"{where}: {key} holds an access token, expected none: reports show the config; set HF_TOKEN")
    try:
        return registry.strict(Config, raw)
    except ValidationError as error:
        raise UphillError(f"{where}: {first_problem(error, Config)}") from None
