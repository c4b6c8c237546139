"""A config over another: the same study as its keys in one file, job by job, and an error names the file of its key."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from uphill import __main__
from uphill.config.checked import check
from uphill.config.laying import laid, read
from uphill.errors import UphillError
from uphill.planning.study import read_study
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config/config.yaml").read_text())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that a run starts in, but for the project's config and models."""
    for name in ("config", "resources", "src", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def say(name: str, text: str) -> Path:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    return Path(name)


def ids(study: Study) -> dict[str, str]:
    return {path: job.id for job in study.jobs for path in job.files}


def test_the_same_keys_are_the_same_jobs(here: Path) -> None:
    """Of every job of the study: laid over the default, and edited by hand in a copy of it."""
    raw = copy.deepcopy(DEFAULT)
    raw["splits"]["boots"] = 3
    raw["methods"]["probe"]["n_train"] = 40
    raw["models"]["mine"] = {"path": "resources/demo-models/106k", "dtype": "float32"}
    raw["population"] = [{"dataset": "dial", "variable": "num_steps", "methods": ["zero_shot", "probe"]}]
    raw["test_models"] = ["mine"]
    for group in ("all_to_all", "learning_curves", "noisy_labels", "weak_to_strong", "cross_difficulty"):
        raw[group] = []
    del raw["ladders"], raw["methods"]["lora"]
    mine = say(
        "mine.yaml",
        "extends: default\n"
        "splits: {boots: 3}\n"
        "methods: {probe: {n_train: 40}, lora: null}\n"
        "models: {mine: {path: resources/demo-models/106k, dtype: float32}}\n"
        "test_models: [mine]\n"
        "population: [{dataset: dial, variable: num_steps, methods: [zero_shot, probe]}]\n"
        "all_to_all: []\nlearning_curves: []\nnoisy_labels: []\nweak_to_strong: []\ncross_difficulty: []\n"
        "ladders: null\n",
    )
    study = read_study(mine)
    assert ids(study) == ids(Study(check(raw)))
    assert len(study.jobs) > 10
    # The one that says nothing is the default itself, as is the one that says the default again.
    for text in ("extends: default\n", "extends: config/config.yaml\nseed: 0\n"):
        assert ids(read_study(say("same.yaml", text))) == ids(Study(check(DEFAULT)))
    # As Snakemake has it, and as `uphill config` prints it.
    assert laid(yaml.safe_load(mine.read_text()), ["mine.yaml"]).raw == read(mine).raw == raw
    said = CliRunner().invoke(__main__.app, ["config", "mine.yaml"]).stdout
    assert yaml.safe_load(said) == raw


MERGED = [
    ({"a": 1}, {}, {"a": 1}),
    ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
    ({"a": {"x": 1, "y": {"z": 2}}}, {"a": {"y": {"z": 3, "w": 4}}}, {"a": {"x": 1, "y": {"z": 3, "w": 4}}}),
    ({"a": [1, 2], "b": {"c": [{"d": 1, "e": 2}]}}, {"a": [3], "b": {"c": [{"d": 5}]}},
     {"a": [3], "b": {"c": [{"d": 5}]}}),
    ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
    ({"a": 5}, {"a": {"x": 1}}, {"a": {"x": 1}}),
    ({"a": 1, "b": {"x": 1, "y": 2}}, {"a": None, "b": {"x": None}}, {"b": {"y": 2}}),
    # What is not there cannot be removed: the config's check says what it makes of it.
    ({"a": {}}, {"a": {"x": None}, "b": None}, {"a": {"x": None}, "b": None}),
    # Something of another kind is another thing.
    ({"m": {"k": {"kind": "icl", "k": 8}}}, {"m": {"k": {"kind": "lora", "r": 4}}},
     {"m": {"k": {"kind": "lora", "r": 4}}}),
    ({"m": {"k": {"kind": "icl", "k": 8}}}, {"m": {"k": {"kind": "icl", "cot": True}}},
     {"m": {"k": {"kind": "icl", "k": 8, "cot": True}}}),
    ({"m": {"k": {"kind": "icl", "k": 8}}}, {"m": {"k": {"cot": True}}},
     {"m": {"k": {"kind": "icl", "k": 8, "cot": True}}}),
    # In a dataset's source null is a value: that there is no such column.
    ({"datasets": {"d": {"source": {"kind": "file", "answer": "gold"}, "human": ["a"]}}},
     {"datasets": {"d": {"source": {"answer": None}, "human": None}}},
     {"datasets": {"d": {"source": {"kind": "file", "answer": None}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("below", "above", "merged"), MERGED, ids=range(len(MERGED)))
def test_maps_are_merged_and_all_else_replaced(
    here: Path, below: dict[str, Any], above: dict[str, Any], merged: dict[str, Any]
) -> None:
    say("base.yaml", yaml.safe_dump(below or {"a": 1}))
    assert read(say("mine.yaml", yaml.safe_dump({"extends": "base.yaml", **above}))).raw == merged


def test_the_topmost_file_of_a_chain_wins(here: Path) -> None:
    say("one.yaml", "a: 1\nb: 1\nc: {x: 1, y: 1}\nd: 1\n")
    say("more/two.yaml", "extends: one.yaml\nb: 2\nc: {x: 2}\nd: null\n")
    assert read(say("three.yaml", "extends: more/two.yaml\nc: {y: 3}\n")).raw == {"a": 1, "b": 2, "c": {"x": 2, "y": 3}}
    # A key that one removes may come back, and what a base removes stays so.
    assert read(say("four.yaml", "extends: more/two.yaml\nd: 4\n")).raw["d"] == 4


def test_of_several_files_and_the_command_line_the_last_wins(here: Path) -> None:
    """Snakemake has merged them by then."""
    say("base.yaml", "seed: 1\nsplits: {boots: 1, n_train: 1}\nlimit: 7\n")
    say("one.yaml", "extends: base.yaml\nsplits: {boots: 2}\n")
    say("two.yaml", "limit: null\n")
    config = {"extends": "base.yaml", "splits": {"boots": 2}, "limit": None, "seed": 9}
    found = laid(config, ["one.yaml", "two.yaml"])
    assert found.raw == {"seed": 9, "splits": {"boots": 2, "n_train": 1}}
    assert found.where("splits.boots: is 2") == "one.yaml"
    assert found.where("splits.n_train: is 1") == "base.yaml, which one.yaml extends"
    assert found.where("seed: is 9") == "one.yaml, two.yaml"


CHAINS = [
    ({"mine.yaml": "extends: mine.yaml\n"}, "mine.yaml: extends is 'mine.yaml', which leads back to it"),
    ({"mine.yaml": "extends: a.yaml\n", "a.yaml": "extends: ./b.yaml\n", "b.yaml": "extends: a.yaml\n"},
     "./b.yaml: extends is 'a.yaml', which leads back to it, expected a config that does not"),
    ({"mine.yaml": "extends: defualt\n"},
     "mine.yaml: extends is 'defualt', and there is no defualt, expected default, or the path of a config from where "
     "the run starts (did you mean 'default'?)"),
    ({"mine.yaml": "extends: config/papr.yaml\n"}, "(did you mean 'config/paper.yaml'?)"),
    ({"more/mine.yaml": "extends: base.yaml\n", "more/base.yaml": "seed: 1\n"}, "(did you mean 'more/base.yaml'?)"),
    ({"mine.yaml": "extends: [default]\n"}, "mine.yaml: extends is ['default'], expected default, or the path of a"),
    ({"mine.yaml": "extends: ''\n"}, "mine.yaml: extends is '', expected default, or the path of a config"),
    ({"mine.yaml": "extends: null\n"}, "mine.yaml: extends is None, expected default, or the path of a config"),
    ({"mine.yaml": "extends: more\n", "more/a.yaml": "seed: 1\n"}, "more: a folder, expected a YAML file"),
    ({"mine.yaml": "extends: a.yaml\n", "a.yaml": "seed: 1\nseed: 2\n"}, "a.yaml: seed: given twice (lines 1 and 2)"),
    ({"mine.yaml": "extends: a.yaml\n", "a.yaml": "- seed\n"}, "a.yaml: a list, expected a map of keys"),
    ({"mine.yaml": "extends: a.yaml\n", "a.yaml": "__use_yte__: true\n"}, "a.yaml: __use_yte__: expected plain YAML"),
    ({"mine.yaml": "extends: a.yaml\n", "a.yaml": "extends: b.yaml\n", "b.yaml": "seed: !!python/name:os.system\n"},
     "b.yaml: not YAML: could not determine a constructor for the tag"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), CHAINS, ids=range(len(CHAINS)))
def test_a_bad_chain_is_refused_in_one_line(here: Path, files: dict[str, str], message: str) -> None:
    top, *_ = [say(name, text) for name, text in files.items()]
    for reading in (read, read_study, lambda path: laid(yaml.safe_load(path.read_text()), [str(path)])):
        with pytest.raises(UphillError) as caught:
            reading(top)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


BASE = "config/config.yaml, which mine.yaml extends: "
WRONG = [
    ("sed: 1", "mine.yaml: sed: unknown key (did you mean 'seed'?)"),
    ("splits: {boots: 0}", "mine.yaml: splits.boots: is 0, expected"),
    ("methods: {lora: {ran: 4}}", "mine.yaml: methods.lora.ran: unknown key"),
    ("models: {a.b: {path: [1]}}", "mine.yaml: models.a.b.path: is [1], expected"),
    ("datasets: {more: {human: [x]}}", "mine.yaml: datasets.more.source: missing"),
    (
        "datasets: {dial: {unsupervised: nothing}}",
        "mine.yaml: datasets.dial.unsupervised is 'nothing', expected one of",
    ),
    ("hardness: {}", "mine.yaml: hardness: has another name now, expected measures"),
    ("seed: 'x'", "mine.yaml: seed: is 'x', expected"),
    # The key is the default's, and what is wrong with it is what was laid over it.
    ("methods: {icl: null}", BASE + "population.0.methods is 'icl', expected one of"),
    ("models: {demo: null}", BASE + "hardness_models.0 is 'demo', expected one of"),
    ("measures: {surface: null}", BASE + "population"),
    ("datasets: {road: null}", BASE + "population.0.train_from is 'road'"),
    ("splits: {n_train: 20}", BASE + "methods.probe trains on 160 items, expected at most splits.n_train (20)"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=range(len(WRONG)))
def test_an_error_names_the_file_of_its_key(here: Path, text: str, message: str) -> None:
    with pytest.raises(UphillError) as caught:
        read_study(say("mine.yaml", f"extends: default\n{text}\n"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_the_examples_of_the_documentation_are_studies(here: Path) -> None:
    laid, part = (ROOT / "config/README.md").read_text().split("```yaml\n")[1:]
    kept = read_study(say("part.yaml", part.split("```")[0])).config
    assert {arm.dataset for arm in kept.arms()} == {"dial"}
    config = read_study(say("mine.yaml", laid.split("```")[0])).config
    assert (config.splits.boots, config.splits.n_test) == (10, DEFAULT["splits"]["n_test"])
    assert "lora" not in config.methods


def test_the_readme_s_own_study_is_one(here: Path) -> None:
    [block] = re.findall(r"```yaml\n# my.yaml: [^\n]*\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (here / "my").mkdir()
    (here / "my/model").symlink_to(ROOT / "resources/demo-models/1280k")
    config = read_study(say("my.yaml", block)).config
    assert (config.test_models, config.splits.boots) == (["mine"], 10)
    assert all(arm.models == ("mine",) for arm in config.arms() if arm.experiment == "population")


def test_a_file_that_is_missing_is_told_the_nearest(here: Path) -> None:
    say("mine.yaml", "extends: default\n")
    for path, meant in (("mien.yaml", "mine.yaml"), ("config/papr.yaml", "config/paper.yaml")):
        with pytest.raises(UphillError) as caught:
            read_study(Path(path))
        said = f"{path}: cannot be read (No such file or directory), expected a YAML file (did you mean '{meant}'?)"
        assert str(caught.value) == said
