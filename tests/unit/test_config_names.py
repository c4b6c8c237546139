"""Names, levels, layers and sizes of a config: each means one thing, exists, and makes one file."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from test_config import Raw, at, default

from uphill import registry
from uphill.config.checked import StudyConfig, check
from uphill.config.checks import taken_names
from uphill.config.docs import ROOMS
from uphill.config.hardware import Hardware
from uphill.errors import UphillError
from uphill.workflow.claims import check_claims, claims
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def refused(raw: Raw, message: str) -> None:
    """The config is refused, at the latest before its jobs are planned, in one line."""
    with pytest.raises(UphillError) as caught:
        check_claims(Study(check(raw)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def ladder(*rungs: str, name: str = "steps", **more: Any) -> Callable[[Raw], None]:
    """A ladder of given rungs, each of other items."""

    def change(raw: Raw) -> None:
        test = {"dataset": "dial", "variable": "num_steps", "min": 7}
        train = {
            rung: {"dataset": "dial", "variable": "num_steps", "max": place + 1} for place, rung in enumerate(rungs)
        }
        raw["ladders"] = {name: {"test": test, "train": train, "methods": ["icl"]} | more}

    return change


def together(*changes: Callable[[Raw], None]) -> Callable[[Raw], None]:
    def change(raw: Raw) -> None:
        for one in changes:
            one(raw)

    return change


def renamed(group: str, old: str, new: str) -> Callable[[Raw], None]:
    """Add a twin of an entry under another name."""
    return lambda raw: raw[group].update({new: copy.deepcopy(raw[group][old])})


def bins(raw: Raw) -> None:
    for name in ("dial", "road"):
        raw["datasets"][name]["cuts"]["num_steps"] = {"bins": 4}


CURVES, NOISY = "learning_curves.0", "noisy_labels.0"
PAIR = {"dataset": "dial", "methods": ["icl"]}
LEVEL = "of variable 'num_steps' of dataset 'dial': easy, medium, hard"
STEPS = {"dataset": "dial", "variable": "num_steps"}
TRAIN = {"easy_one": {**STEPS, "level": "easy"}}
BAD = [
    # Levels that the variable has not.
    (at(f"{CURVES}.train_on", ["esy", "hard"]), f"{CURVES}.train_on is 'esy', expected a level {LEVEL} (did you"),
    (at(f"{CURVES}.test_on", ["Hard"]), f"{CURVES}.test_on is 'Hard', expected a level"),
    (at(f"{NOISY}.train_on", ["easy", "none"]), f"{NOISY}.train_on is 'none', expected a level"),
    (at(f"{NOISY}.test_on", ["all"]), f"{NOISY}.test_on is 'all', expected a level"),
    (at(f"{NOISY}.train_on", ["bin_01"]), f"{NOISY}.train_on is 'bin_01', expected a level"),
    (together(bins, at("ladders", {})), f"{CURVES}.train_on is 'easy', expected a level of variable 'num_steps' of d"),
    (
        together(bins, at(f"{CURVES}.train_on", ["bin_01", "bin_05"]), at("noisy_labels", [])),
        f"{CURVES}.train_on is 'bin_05', expected a level of variable 'num_steps' of dataset 'dial': bin_01, bin_02",
    ),
    (together(at("learning_curves.0.variable", "all"), at("noisy_labels", [])), f"{CURVES}.train_on is 'easy'"),
    (ladder("one", train={"one": {**STEPS, "level": "easiest"}}), "ladders.steps: the level of 'one' is 'easiest'"),
    (ladder("one", test={**STEPS, "level": "bin_01"}), "ladders.steps: the level of 'test' is 'bin_01', expected"),
    (at(f"{CURVES}.train_on", []), f"{CURVES}.train_on: is []"),
    (at(f"{CURVES}.train_on", ["easy", "easy"]), f"{CURVES}.train_on: 'easy' is given twice"),
    (at(f"{NOISY}.test_on", ["hard", "hard"]), f"{NOISY}.test_on: 'hard' is given twice"),
    (at("population.0.methods", ["icl", "icl"]), "population.0.methods: 'icl' is given twice"),
    (at("population.0.models", []), "population.0: models is [], expected names, or no such key"),
    (at("population.0.train_from", []), "population.0: train_from is [], expected names, or no such key"),
    (at("hardness_models", ["demo", "demo"]), "hardness_models: 'demo' is given twice"),
    (at("test_models", ["demo", "demo"]), "test_models: 'demo' is given twice"),
    (at(f"{NOISY}.noise", [0.1, 0.1]), f"{NOISY}: 0.1 is given twice"),
    (at(f"{NOISY}.noise", [0, 0.0]), f"{NOISY}: 0.0 is given twice"),
    (at(f"{NOISY}.hard_factor", 0), f"{NOISY}.hard_factor: is 0"),
    (at("measures.mdl_probe.sizes", [5, 5]), "measures.mdl_probe.sizes: 5 is given twice"),
    (
        together(at("datasets.road.cuts.num_steps", {"bins": 3}), at("ladders", {})),
        "population.0.train_from: 'num_steps' of dataset 'road' is cut into bin_01, bin_02, bin_03, expected the",
    ),
    # Cuts.
    (at("datasets.dial.cuts.num_stps", {"bins": 3}), "datasets.dial.cuts.num_stps: no such variable, expected one of"),
    (at("datasets.dial.cuts.all", {"bins": 3}), "datasets.dial.cuts.all: no such variable"),
    (at("datasets.dial.cuts.num_steps.easy_max", float("nan")), "cuts.num_steps.easy_max: is nan, expected a finite"),
    (at("datasets.dial.cuts.num_steps.hard_min", float("inf")), "cuts.num_steps.hard_min: is inf, expected a finite"),
    (at("datasets.dial.cuts.num_steps.easy_max", 6), "easy_max is 6.0 and hard_min 6.0, expected easy_max < hard_min"),
    (at("datasets.dial.cuts.num_steps", {"quantiles": [0.7, 0.3]}), "expected two, growing, between 0 and 1"),
    (at("datasets.dial.cuts.num_steps", {"quantiles": [0.3, 0.3]}), "expected two, growing, between 0 and 1"),
    (at("datasets.dial.cuts.num_steps", {"quantiles": [0, 0.3]}), "expected two, growing, between 0 and 1"),
    (at("datasets.dial.cuts.num_steps", {"quantiles": [30, 70]}), "expected two, growing, between 0 and 1"),
    (at("datasets.dial.cuts.num_steps", {"quantiles": [0.3]}), "datasets.dial.cuts.num_steps.quantiles"),
    *((at("datasets.dial.cuts.num_steps", {"bins": n}), f"num_steps.bins: is {n}") for n in (0, 1, 10**9, True, 2.0)),
    # Rungs and ladders.
    *(
        (ladder("low", rung), f"ladders.steps.train: the name {rung!r} means something else")
        for rung in ("none", "None", "test", "all", "ALL", "unsupervised", "easy", "medium", "hard", "bin_01", "Bin_12")
    ),
    (ladder("low", "Low"), "ladders.steps.train: 'Low' and 'low' differ in case only"),
    (
        ladder(train={"a": TRAIN["easy_one"], "b": TRAIN["easy_one"]}),
        "ladders.steps.train: 'b' has the same items as 'a', expected each rung once",
    ),
    (ladder(train={"a": {**STEPS, "min": 5, "max": 3}}), "ladders.steps.train.a: min is 5.0 and max 3.0"),
    (ladder(train={"a": {**STEPS, "min": float("nan")}}), "ladders.steps.train.a.min: is nan, expected a finite"),
    *(
        (ladder("low", name=name), f"ladders.{name}: the name is taken or has dots")
        for name in ("sgr", "SGR", "wide", "hardness", "population_all", "train_levels", "comparisons", "quantization",
                     "accuracy_by_hardness", "all_to_all_by_hardness", "Population", "a.provenance", "num_steps")
    ),
    (ladder("low", name="correlations_dial"), "results/tables/correlations_dial.csv: the file of the correlations of"),
    # Names that some file systems do not tell apart, or that are two variables'.
    (renamed("datasets", "dial", "Dial"), "datasets.Dial: datasets.dial differs in case only"),
    (renamed("models", "demo", "DEMO"), "models.DEMO: models.demo differs in case only"),
    (renamed("measures", "surface", "Surface"), "measures.Surface: measures.surface differs in case only"),
    (renamed("methods", "icl", "Icl"), "methods.Icl: methods.icl differs in case only"),
    (renamed("measures", "surface", "again"), "'question_num_words' is given by two measures or columns (meas"),
    (renamed("measures", "mdl_probe", "mdl_probe_bits"), "the variable 'mdl_probe_bits' is given by two measures"),
    (at("datasets.dial.human", ["num_steps", "num_steps"]), "datasets.dial.human: 'num_steps' is given twice"),
    (at("datasets.dial.human", ["num_steps", "Num_Steps"]), "the variable 'Num_Steps' is given by two measures or col"),
    (at("datasets.dial.human", ["num_steps", "question_num_words"]), "'question_num_words' is given by two measures"),
    (at("datasets.dial.human", ["num_steps", "all"]), "the variable 'all' (measures.human) is called like"),
    (
        at("datasets.dial.human", ["num_steps", "num_steps.learning_curves"]),
        "the variable 'num_steps.learning_curves' (measures.human) is called like something else in tables or files",
    ),
    (renamed("measures", "mdl_probe", "human.parquet"), "the file of measures.human of datasets.dial, and a folder of"),
    # Names of files.
    *(
        (renamed("datasets", "dial", name), "datasets.")
        for name in ("a\nb", "a\n", "a/b", "..", ".a", "-a", "a{b}", "a*", "a b", "", "é", "a\u200b", "d" * 240)
    ),
    # What a baseline, a pair and a layer may be.
    (
        together(at("datasets.dial.unsupervised", "probe"), at("ladders", {})),
        "datasets.dial.unsupervised is 'probe', which trains on 160 items",
    ),
    (at("quantization", [PAIR | {"pairs": {"demo": "demo"}}]), "quantization.0.pairs.demo is 'demo', and itself"),
    (at("responses", {"layers": [99]}), "responses.layers is 99, expected 0 to 4, the states that 'demo' has"),
    (at("responses", {"layers": [2, 5]}), "responses.layers is 5, expected 0 to 4"),
    (at("responses", {"layers": [-1]}), "responses.layers.0: is -1"),
    (at("responses", {"layers": [2, 2]}), "responses.layers: 2 is given twice"),
    (at("responses", {"layers": []}), "responses.layers: is []"),
    (at("responses", {"layers": [True]}), "responses.layers.0: is True"),
    # Types as they were written.
    *(
        (at("splits.boots", value), f"splits.boots: is {value!r}, expected a valid integer{more}")
        for value, more in ((True, ""), ("5", ": digits, without quotes"), (5.0, ""), (1e3, ""), ("1e3", ""))
    ),
    (at("methods.icl.k", "8"), "methods.icl.k: is '8', expected a valid integer: digits, without quotes"),
    (at("methods.icl.k", True), "methods.icl.k: is True, expected a valid integer"),
    (at("methods.lora.lr", "1e-4"), "methods.lora.lr: is '1e-4', expected a valid number: 1.0e-4, without quotes"),
    (at("methods.lora.lr", True), "methods.lora.lr: is True, expected a valid number"),
    (at("methods.icl.cot", 1), "methods.icl.cot: is 1, expected a valid boolean"),
    (at("methods.icl.cot", "no"), "methods.icl.cot: is 'no', expected a valid boolean"),
    (at("datasets.dial.prompt", 40), "datasets.dial.prompt: is 40, expected a valid string, in quotes"),
    (at("population.0.dataset", 7), "population.0.dataset: is 7, expected a valid string, in quotes"),
    (at("hardness_models", [7]), "hardness_models.0: is 7, expected a valid string, in quotes"),
    (at("seed", -1), "seed: is -1"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BAD, ids=[f"{n}-{message[:40]}" for n, (_, message) in enumerate(BAD)])
def test_what_means_nothing_or_two_things_is_refused(change: Callable[[Raw], None], message: str) -> None:
    raw = default()
    change(raw)
    refused(raw, message)


GOOD = [
    together(bins, at(f"{CURVES}.train_on", ["bin_01", "bin_04"]), at(f"{CURVES}.test_on", ["bin_04"]),
             at(f"{NOISY}.train_on", ["bin_02"]), at(f"{NOISY}.test_on", ["bin_03"])),
    together(at(f"{CURVES}.variable", "all"), at(f"{CURVES}.train_on", ["all"]), at(f"{CURVES}.test_on", ["all"])),
    ladder("7", "1e3", "nan", "true", "tests", "easy_steps"),
    together(at("responses", {"layers": [0, 4]}), at("weak_to_strong", [])),
    *(together(renamed("models", "demo", name), at("test_models", ["demo", name]))
      for name in ("007", "1e3", "nan", "NA", "null", "true", "yes", "0x10", "d" * 80)),
]  # fmt: skip


@pytest.mark.parametrize("change", GOOD, ids=range(len(GOOD)))
def test_what_means_one_thing_is_taken(change: Callable[[Raw], None]) -> None:
    raw = default()
    change(raw)
    check_claims(Study(check(raw)))


def test_two_rows_may_not_pair_a_model_with_two_others() -> None:
    raw = default()
    raw["models"] |= {"four": raw["models"]["demo"], "eight": raw["models"]["demo"]}
    raw["quantization"] = [
        PAIR | {"pairs": {"demo": "four"}},
        PAIR | {"methods": ["probe"], "pairs": {"demo": "eight"}},
    ]
    refused(raw, "quantization.1.pairs.demo is 'eight', and 'four' in an earlier row of the same dataset")


@pytest.mark.parametrize(
    ("told", "last"),
    [
        ({"num_hidden_layers": 3}, 3),
        ({"n_layer": 3}, 3),
        ({"n_layers": 3}, 3),
        ({"text_config": {"num_hidden_layers": 3}}, 3),
        ({"text_config": 3}, None),
        ({"num_hidden_layers": "3"}, None),
        ([], None),
    ],
)
def test_the_states_of_a_local_model_are_counted_where_its_config_says_so(
    tmp_path: Path, told: Any, last: int | None
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(told))
    raw = default()
    raw["models"]["demo"] = {"path": str(tmp_path)}
    raw["weak_to_strong"] = []  # whose teacher has fewer
    raw["responses"] = {"layers": [3]}
    check(raw)
    raw["responses"] = {"layers": [4]}
    if last is None:
        check(raw)
    else:
        refused(raw, "responses.layers is 4, expected 0 to 3, the states that 'demo' has")


def whole_numbers(model: type[BaseModel], where: str) -> Iterator[tuple[str, bool]]:
    """(key, whether it has an upper bound) of every whole number in a model's schema."""
    schema = model.model_json_schema()
    for name, entry in [(where, schema), *schema.get("$defs", {}).items()]:
        for key, field in entry.get("properties", {}).items():
            yield from ((f"{name}.{key}", bounded) for bounded in _bounds(field))


def _bounds(field: Any) -> Iterator[bool]:
    if isinstance(field, dict):
        if field.get("type") == "integer":
            yield "maximum" in field or "exclusiveMaximum" in field
        for inner in field.values():
            yield from _bounds(inner)
    elif isinstance(field, list):
        for inner in field:
            yield from _bounds(inner)


def settings() -> Iterator[type[BaseModel]]:
    for room, needs, *_ in ROOMS:
        for name in registry.names(room, needs):
            yield registry.load(room, name, needs).Settings


@pytest.mark.parametrize(
    "model", [StudyConfig, Hardware, *settings()], ids=lambda model: f"{model.__module__}.{model.__name__}"
)
def test_no_whole_number_is_without_bound(model: type[BaseModel]) -> None:
    found = list(whole_numbers(model, model.__module__))
    assert [key for key, bounded in found if not bounded] == []
    assert found or model not in (StudyConfig, Hardware)


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("splits.boots", 1000),
        ("splits.n_train", 100_000),
        ("statistics.draws", 1_000_000),
        ("responses.shards", 1000),
        ("methods.icl.k", 1000),
        ("methods.probe.epochs", 100_000),
        ("methods.lora.n_train", 100_000),
        ("measures.mdl_probe.boots", 1000),
        ("datasets.dial.max_new_tokens", 32_768),
        ("datasets.dial.pools.hardness", 1_000_000),
        ("datasets.dial.source.n_items", 1_000_000),
        ("learning_curves.0.boots", 1000),
        ("seed", 2**32 - 1),
    ],
)
def test_a_size_without_reason_is_refused_with_its_bound(key: str, most: int) -> None:
    for size in (most + 1, 10**12, 10**400):
        raw = default() | {"responses": {}}
        at(key, size)(raw)
        refused(raw, f"expected less than or equal to {most}")


def test_every_table_and_figure_is_a_name_that_no_ladder_has() -> None:
    raw = default()
    raw["models"]["second"] = raw["models"]["demo"]
    raw |= {"test_models": ["demo", "second"], "ladders": {}}
    raw["quantization"] = [{"dataset": "dial", "methods": ["icl"], "pairs": {"demo": "second"}}]
    study = Study(check(raw))
    made = {*study.values("table"), *study.values("figure"), *(Path(path).stem for path in study.job("wide", {}).made)}
    assert len(made) > 15
    assert {name for name in made if not name.startswith("correlations_")} <= taken_names()


def test_every_file_of_the_default_is_claimed_once() -> None:
    study = Study(check(default()))
    found = list(claims(study))
    assert set(study.files) <= {path for path, _ in found}
    owners: dict[str, set[str]] = {}
    for path, what in found:
        owners.setdefault(path, set()).add(what)
    assert [path for path, whats in owners.items() if len(whats) > 1] == []
