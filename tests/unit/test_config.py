"""A wrong config is refused in one line that names the key, the value and what was expected."""

import copy
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from uphill import registry
from uphill.config import hardware
from uphill.config.checked import StudyConfig, check
from uphill.config.docs import ROOMS, write_docs
from uphill.errors import UphillError

ROOT = Path(__file__).parents[2]
Raw = dict[str, Any]


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def default() -> Raw:
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def at(path: str, value: Any) -> Callable[[Raw], None]:
    """Set one key, named by a dotted path."""

    def change(raw: Raw) -> None:
        *parents, last = path.split(".")
        place: Any = raw
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        if isinstance(place, list) and int(last) == len(place):
            place.append(value)
        else:
            place[int(last) if isinstance(place, list) else last] = value

    return change


def both(*changes: Callable[[Raw], None]) -> Callable[[Raw], None]:
    """Several changes, one after the other."""
    return lambda raw: [change(raw) for change in changes][-1]


def without(path: str) -> Callable[[Raw], None]:
    """Drop one key."""

    def change(raw: Raw) -> None:
        *parents, last = path.split(".")
        place: Any = raw
        for part in parents:
            place = place[part]
        del place[last]

    return change


def reasoning_from_a_dataset_without(raw: Raw) -> None:
    """Examples with reasoning are shown from a dataset that says no form for them."""
    raw["datasets"]["road"]["cot_prompt"] = None
    raw["population"][4]["train_from"] = ["road_written", "road"]


TWICE = {"dataset": "dial", "variable": "num_steps", "sizes": {"probe": [160]}}
RUNG = {"dataset": "dial", "variable": "num_steps", "level": "easy"}
LADDER = {"test": RUNG, "train": {"easy_ones": RUNG}, "methods": ["icl"]}
BAD = [
    (at("seeds", 1), "seeds: unknown key (did you mean 'seed'?)"),
    (at("datasets.dial.pormpt", "0040"), "datasets.dial.pormpt: unknown key (did you mean 'prompt'?)"),
    (at("splits.n_tarin", 3), "splits.n_tarin: unknown key (did you mean 'n_train'?)"),
    (at("seed", "many"), "seed: is 'many'"),
    (at("splits.boots", 0), "splits.boots: is 0"),
    (at("splits.boots", "three"), "splits.boots: is 'three'"),
    (at("splits.own_test", True), "splits: own_test is on and n_test 240, expected n_test null"),
    (at("answers", "together"), "answers: is 'together', expected 'joined' or 'apart'"),
    (at("max_prompt_tokens", 0), "max_prompt_tokens: is 0"),
    (at("models.demo.bos", True), "models.demo.bos: is True, expected 'auto', 'always' or 'never'"),
    (
        at("datasets.dial.grader", {"kind": "choise"}),
        "datasets.dial.grader.kind is 'choise', expected one of bbh, choice",
    ),
    (at("datasets.dial.grader", {"kind": "choise"}), "(did you mean 'choice'?)"),
    (
        at("datasets.dial.grader", {"norm": "chars"}),
        "datasets.dial.grader.kind is missing, expected one of bbh, choice",
    ),
    (
        at("datasets.dial.grader", {"kind": "choice", "nrom": "chars"}),
        "grader.nrom: unknown key (did you mean 'norm'?)",
    ),
    (at("datasets.dial.grader", {"kind": "choice", "norm": "words"}), "datasets.dial.grader.norm: is 'words'"),
    (at("datasets.dial.grader", "choice"), "datasets.dial.grader: is 'choice'"),
    (at("datasets.dial.grader", {"kind": "cues"}), "datasets.dial.grader.kind is 'cues', expected one of bbh"),
    (at("datasets.dial.grader", {"kind": ["span"]}), "datasets.dial.grader.kind is"),
    (
        at("datasets.road_written.grader", {"kind": "choice"}),
        "datasets.road_written.grader.kind is 'choice', expected a grader of texts: the dataset has no choices",
    ),
    (at("datasets.dial.pools.hardness", "many"), "datasets.dial.pools.hardness: is 'many'"),
    (at("datasets.dial.pools.hardness", {"ids": "absent.txt"}), "datasets.dial.pools.hardness: absent.txt: cannot be"),
    (at("datasets.dial.pools.hardness", {}), "datasets.dial.pools.hardness.ids: missing"),
    (at("datasets.dial.pools.hardness", {"file": "a"}), "datasets.dial.pools.hardness.ids: missing"),
    (
        at("datasets.dial.hardness_pool", 600),
        "datasets.dial.hardness_pool: has another name now, expected datasets.dial.pools.hardness",
    ),
    (
        at("methods.icl.batch", 8),
        "methods.icl.batch: has another name now, expected models.MODEL.batch of config/hardware.yaml",
    ),
    (at("datasets.dial.pools.hardness", 1.0), "datasets.dial.pools.hardness: is 1.0, expected less than 1"),
    (at("datasets.dial.pools.hardness", 600.0), "datasets.dial.pools.hardness: is 600.0, expected less than 1"),
    (at("datasets.dial.pools.hardness", True), "datasets.dial.pools.hardness: is True"),
    (at("datasets.dial.pools.supervisor", {"ids": "a"}), "datasets.dial.pools.supervisor: is {'ids': 'a'}, expected a"),
    (
        at("datasets.dial.pools.supervisr", 0.5),
        "datasets.dial.pools.supervisr: unknown key (did you mean 'supervisor'",
    ),
    (
        at("datasets.dial.pools.drawn", "first"),
        "datasets.dial.pools.drawn: is 'first', expected 'keyed' or 'pub",
    ),
    (at("datasets.dial.pools.test", {"column": "split"}), "datasets.dial.pools.test.is: missing"),
    (at("datasets.dial.pools.test", {"column": "split", "is": []}), "datasets.dial.pools.test.is: is []"),
    (at("datasets.dial.pools.test", {"column": "split", "is": "test"}), "datasets.dial.pools.test.is: is 'test'"),
    (
        at("datasets.dial.pools.test", {"column": "split", "is": [1, 1]}),
        "datasets.dial.pools.test.is: 1 is given",
    ),
    (at("splits.folds", 1), "splits.folds: is 1"),
    (at("splits.folds", 4), "splits: folds is 4 and boots 5, expected no boots: each fold is one"),
    (at("splits", {"folds": 5, "fresh_test": True}), "splits: folds is 5 and fresh_test on, expected one of them"),
    (
        at("splits", {"folds": 5, "train_on_test": True}),
        "splits: folds is 5 and train_on_test on, expected one",
    ),
    (
        at("splits", {"own_test": True, "train_on_test": True}),
        "splits: own_test and train_on_test are on, expected",
    ),
    (
        both(at("splits", {"folds": 5}), at("learning_curves.0.boots", 4)),
        "learning_curves.0.boots is 4, expected none beside splits.folds 5",
    ),
    (
        both(at("splits", {"folds": 5}), at("datasets.dial.pools.test", {"column": "num_steps", "is": [3]})),
        "splits.folds is 5 and datasets.dial has pools.test, expected one of them",
    ),
    (at("statistics.coverage", 95), "statistics.coverage: is 95"),
    (at("datasets.dial.prompt", "0940"), "datasets.dial.prompt: prompt template '0940': no question template '9'"),
    (at("datasets.dial.cuts.num_steps.easy_max", 7), "datasets.dial.cuts.num_steps: easy_max is 7.0 and hard_min 6.0"),
    (at("datasets.dial.cuts.num_steps.bins", 4), "datasets.dial.cuts.num_steps: expected easy_max and hard_min, or"),
    (at("datasets.dial.cuts.num_steps", {"bins": 1}), "datasets.dial.cuts.num_steps.bins: is 1"),
    (at("datasets.dial.source.kind", "wrld"), "datasets.dial.source.kind is 'wrld', expected one of "),
    (at("datasets.dial.source.domain", "sea"), "datasets.dial.source.domain: is 'sea'"),
    (at("datasets.dial.source.n", 5), "datasets.dial.source.n: unknown key"),
    (at("datasets.dial.unsupervised", "zero"), "datasets.dial.unsupervised is 'zero', expected one of"),
    (without("datasets.dial.source"), "datasets.dial.source: missing"),
    (at("models.demo.path", "resources/absent"), "models.demo: no model in the folder 'resources/absent'"),
    (
        at("models.demo.hub_id", "a/b"),
        "models.demo: expected one of path, gguf, trained, hub_id, found path and hub_id",
    ),
    (at("models.demo", {"hub_id": "a/b"}), "models.demo: expected a revision beside hub_id"),
    (at("models.demo.path", ""), "models.demo: no model in the folder '', expected a config.json"),
    (at("models.demo.path", "README.md"), "models.demo: no model in the folder 'README.md'"),
    (at("models.demo.path", "resources/demo-models/1280k/config.json"), "models.demo: no model in the folder"),
    (at("models.demo.revision", "a" * 40), f"models.demo: revision is '{'a' * 40}' beside path"),
    *(
        (at("models.demo", {"hub_id": "a/b", "revision": revision}), f"models.demo: revision is {revision!r}, expected")
        for revision in ("", "main", "v1.0", "refs/pr/1", "abcdef1", "a" * 39, "a" * 41, "A" * 40, "g" * 40)
    ),
    (at("models.demo", {"hub_id": "a/b", "revision": f"{'a' * 40}\n"}), "models.demo: revision is"),
    (at("models.demo", {"hub_id": "a/b", "revision": 10**39}), "models.demo.revision: is 1000"),
    *(
        (at("models.demo", {"hub_id": name, "revision": "a" * 40}), f"models.demo: hub_id is {name!r}, expected a name")
        for name in ("", ".", "../b", "a/../b", "/etc", "a/b/c", "a b")
    ),
    (at("models.demo.dtype", "float8"), "models.demo.dtype: is 'float8'"),
    (at("models.demo.quantization", "2bit"), "models.demo.quantization: is '2bit'"),
    (
        at("measures.mdl_probe.kind", "mld"),
        "measures.mdl_probe.kind is 'mld', expected one of choice_order, ",
    ),
    (at("measures.mdl_probe.method", "prob"), "measures.mdl_probe.method: unknown key"),
    (at("measures.mdl_probe.sizes", []), "measures.mdl_probe.sizes: is []"),
    (
        at("measures.irt", {"kind": "irt", "dataset": "dail", "path": "x.csv"}),
        "measures.irt.dataset is 'dail', expected one of dial",
    ),
    (
        at("measures.bank", {"kind": "irt_table", "dataset": "dail", "path": "x.csv"}),
        "measures.bank.dataset is 'dail', expected one of dial",
    ),
    (
        both(
            at("measures.rasch", {"kind": "irt", "dataset": "dial", "path": "x.csv", "stability": 5}),
            at("datasets.dial.cuts.rasch", {"bins": 5}),
        ),
        "measures.rasch.bins is 10 and datasets.dial.cuts.rasch.bins 5, expected the same",
    ),
    (without("measures.surface.kind"), "measures.surface.kind is missing"),
    (
        at("hardness_models", ["demos"]),
        "hardness_models.0 is 'demos', expected one of demo, demo_106k (did you mean 'demo'?)",
    ),
    (at("methods.icl.kind", "ilc"), "methods.icl.kind is 'ilc', expected one of ccs, classifier, finetune, icl, "),
    (at("methods.icl.k", -1), "methods.icl.k: is -1"),
    (at("methods.icl.shots", 4), "methods.icl.shots: unknown key"),
    (at("methods.icl.k", 500), "methods.icl trains on 500 items, expected at most splits.n_train (160)"),
    (at("methods.icl.k", 0), "'icl' cannot be used on dataset 'dial': k is 0"),
    (
        at("methods.icl.prompts", ["0040", "0x40"]),
        "methods.icl.prompts: prompt template '0x40': no question template 'x'",
    ),
    (at("methods.icl.prompts", ["0040", "0040"]), "methods.icl.prompts: is ['0040', '0040'], expected each"),
    (
        at("methods.icl_cot.prompts", ["0040"]),
        "methods.icl_cot.prompts: is ['0040'], expected no such setting with cot",
    ),
    (at("methods.icl_cot.calibrate", True), "methods.icl_cot.calibrate: is True, expected no such setting with cot"),
    (at("methods.probe", {"kind": "ccs", "restarts": 0}), "methods.probe.restarts: is 0"),
    (at("methods.probe", {"kind": "ccs", "sign": "gold"}), "methods.probe.sign: is 'gold'"),
    (at("test_models", ["big"]), "test_models.0 is 'big', expected one of demo"),
    (at("test_models", []), "test_models: is []"),
    (at("population.0.dataset", "dail"), "population.0.dataset is 'dail', expected one of dial"),
    (at("population.0.variable", "num_step"), "population.0.variable is 'num_step', expected one of"),
    (at("population.0.methods", ["zero_shot", "ilc"]), "population.0.methods is 'ilc', expected one of"),
    (at("population.0.train_from", ["roads"]), "population.0.train_from is 'roads', expected one of"),
    (at("population.1.methods", ["probe"]), "'probe' with 'demo' on 'dial' by 'num_steps' occurs in two rows"),
    (at("population.0.models", ["big"]), "population.0.models is 'big', expected one of demo"),
    (at("learning_curves.0.sizes", {}), "learning_curves.0.sizes: is {}"),
    (at("learning_curves.0.sizes.probe", [20, 10]), "learning_curves.0: sizes.probe is [20, 10], expected growing"),
    (at("learning_curves.0.sizes.prob", [20]), "learning_curves.0.methods is 'prob', expected one of"),
    (at("learning_curves.0.sizes.zero_shot", [20]), "'zero_shot' trains on nothing, expected a method that has sizes"),
    (at("learning_curves.0.variable", "steps"), "learning_curves.0.variable is 'steps', expected one of"),
    (at("learning_curves.1", TWICE), "learning_curves.1: 'probe' with 'demo' on 'dial' by 'num_steps' occurs in two"),
    (at("learning_curves.1", {**TWICE, "sizes": {"lora": [8]}}), "other boots, sizes or levels than an earlier row"),
    (at("noisy_labels.0.noise", [0.9]), "noisy_labels.0: noise up to 0.9 and hard_factor 2.0, expected a product"),
    (at("noisy_labels.0.noise", [-0.1]), "noisy_labels.0.noise.0: is -0.1"),
    (
        at("ladders.road_to_dial.test.level", "easy"),
        "ladders.road_to_dial.test: expected either level, or min or max",
    ),
    (at("ladders.road_to_dial.test.dataset", "sea"), "ladders.road_to_dial.dataset is 'sea', expected one of dial"),
    (at("ladders.road_to_dial.train.dial_1_step.variable", "x"), "ladders.road_to_dial.variable is 'x', expected one"),
    (at("ladders.num_steps", LADDER), "ladders.num_steps: the name is taken or has dots"),
    (at("ladders", {"a.b": LADDER}), "ladders.a.b: the name is taken or has dots"),
    (at("quantization", [{"dataset": "dial", "methods": ["lora"], "pairs": {"demo": "x"}}]), "models is 'x', expected"),
    (at("population.4.methods", ["zero_shot_cot", "probe"]), "'probe' cannot be used on dataset 'road_written'"),
    (at("datasets.road_written.cot_prompt", None), "datasets.road_written.cot_prompt is missing"),
    (reasoning_from_a_dataset_without, "datasets.road.cot_prompt is missing"),
    (
        at("datasets.road.zero_shot_cot_prompt", "5z05"),
        "datasets.road.zero_shot_cot_prompt: prompt template '5z05': no ",
    ),
    (at("prompts", "config/absent.yaml"), "prompts: config/absent.yaml: cannot be read"),
    (at("prompts", "README.md"), "prompts: README.md: "),
    (at("prompts", "profiles/local/config.yaml"), "prompts: profiles/local/config.yaml: "),
    (at("models.demo.chat", "template"), "models.demo.chat"),
    (at("datasets", {}), "datasets: is {}"),
    (at("datasets.dial", "world"), "datasets.dial: is 'world'"),
]


def test_the_default_is_right() -> None:
    check(default())


@pytest.mark.parametrize(("change", "message"), BAD, ids=[message[:50] for _, message in BAD])
def test_bad_config_is_refused_in_one_line(change: Callable[[Raw], None], message: str) -> None:
    raw = copy.deepcopy(default())
    change(raw)
    with pytest.raises(UphillError) as caught:
        check(raw, where="mine.yaml")
    said = str(caught.value)
    assert said.startswith("mine.yaml: ")
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cpu: {mem: 3}", "cpu.mem: is 3"),
        ("models: {demo: {gpu: -1}}", "models.demo.gpu: is -1"),
        ("cpu: [", "not YAML"),
        (None, "cannot be read"),
    ],
)
def test_bad_hardware_is_refused_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "hardware.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UphillError, match=message) as caught:
        hardware.read(path)
    assert "\n" not in str(caught.value)


def test_needs_grow_with_attempts() -> None:
    needs = hardware.Needs(gpu=2, mem_mb=100, runtime=10)
    assert [needs.grown("mem_mb", attempt) for attempt in (1, 2, 3)] == [100, 200, 400]
    assert [needs.grown("gpu", attempt) for attempt in (1, 3)] == [2, 2]


def test_schema_and_documentation_are_those_of_the_model() -> None:
    write_docs(ROOT / "config", check=True)


def test_no_other_key_means_something_by_null() -> None:
    """Where a config extends another, null removes a key: so it must be the default of all but a source's."""
    rooms = [(room, needs) for room, needs, *_ in ROOMS if room != "uphill.datasets"]
    names = [(room, name, needs) for room, needs in rooms for name in registry.names(room, needs)]
    models = [(registry.load(*one).Settings, ".".join(one[:2])) for one in names]
    found = [one for model, where in [(StudyConfig, "config"), *models] for one in nullable(model, where)]
    assert len(found) > 20
    assert [where for where, default in found if default is not None] == []


def nullable(model: type[BaseModel], where: str) -> Iterator[tuple[str, Any]]:
    """(key, default) of each key of a model, and of those inside, that may be null."""
    for name, field in model.model_fields.items():
        if type(None) in typing.get_args(field.annotation) and not field.is_required():
            yield f"{where}.{name}", field.get_default(call_default_factory=True)
        for inner in inside(field.annotation):
            yield from nullable(inner, f"{where}.{name}")


def inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from inside(argument)
