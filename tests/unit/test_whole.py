"""A config with every default is one of the same study: its jobs are the same, and its defaults are the models' own."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from changed_studies import ROOT, plan
from typer.testing import CliRunner

from uphill import __main__
from uphill.config.checked import check
from uphill.config.study import Config
from uphill.config.whole import with_defaults
from uphill.workflow.study import Study

STUDIES = sorted(
    path.name for path in (ROOT / "config").glob("*.yaml") if not path.name.startswith(("hardware", "smollm2"))
)
"""But those of a model whose file does not ship."""


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def read_again(config: Config) -> Config:
    """What a user gets who writes it to a file and reads that."""
    return check(yaml.safe_load(yaml.safe_dump(with_defaults(config), sort_keys=False)))


def config_of(raw: dict[str, Any]) -> Config:
    return check(yaml.safe_load((ROOT / "config/config.yaml").read_text()) | raw)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_with_its_defaults_is_the_same(name: str) -> None:
    one = check(yaml.safe_load((ROOT / "config" / name).read_text()))
    other = read_again(one)
    assert [vars(arm) for arm in other.arms()] == [vars(arm) for arm in one.arms()]
    assert [other.model(model) for model in other.models] == [one.model(model) for model in one.models]
    for dataset in one.datasets:
        assert other.source_settings(dataset) == one.source_settings(dataset)
        assert other.variables(dataset) == one.variables(dataset)
        for method in one.methods:
            assert other.method_settings(method) == one.method_settings(method)
            assert other.grader(dataset, method) == one.grader(dataset, method)
    assert with_defaults(other) == with_defaults(one)


def test_every_job_of_the_default_is_the_same() -> None:
    """But the report's, which shows the config as it was written."""
    one, other = plan(), Study(read_again(plan().config))
    jobs = [(job.rule, job.wildcards, job.id) for job in one.jobs if job.rule != "report"]
    assert jobs == [(job.rule, job.wildcards, job.id) for job in other.jobs if job.rule != "report"]
    assert len(jobs) > 50


def test_defaults_are_in_it_and_what_is_said_by_being_said_is_not() -> None:
    models: dict[str, dict[str, Any]] = {
        "demo": {"path": "resources/demo-models/1280k", "dtype": "float32"},
        "demo_106k": {"path": "resources/demo-models/106k", "dtype": "float32"},
        "taught": {"trained": {"base": "demo", "labels": "right", "recipe": "own"}},
    }
    labels = {"right": {"kind": "gold", "dataset": "dial_taught", "pool": "supervisor"}}
    found = with_defaults(config_of({"models": models, "labels": labels, "recipes": {"own": {}}}))
    assert found["methods"]["lora"]["dropout"] == 0.1
    assert found["methods"]["lora"]["r"] == 8
    assert found["measures"]["mdl_probe"]["kind"] == "mdl_probe"
    assert found["datasets"]["dial"]["source"]["generative"] is False
    assert found["datasets"]["dial"]["max_new_tokens"] == 100
    assert found["splits"]["fresh_test"] is False
    assert found["statistics"]["draws"] == 10_000
    assert found["models"]["demo"]["quantization"] == "none"
    # Of its base, unless it says its own: float32, and not the default of a model that is not trained here.
    assert found["models"]["taught"] == {"trained": {**models["taught"]["trained"], "seed": 0}}
    assert found["labels"]["right"] == {"kind": "gold", "dataset": "dial_taught", "pool": "supervisor", "stated": False}
    # A list that is empty unless given would be refused.
    assert "train_on" not in found["population"][0]
    assert found["population"][0]["labels"] == "gold"


def test_folds_are_as_many_as_boots() -> None:
    """Where boots are not said: with both, one of them would be wrong."""
    found = with_defaults(config_of({"splits": {"folds": 4, "n_train": 160, "min_test": 20}}))
    assert "boots" not in found["splits"]
    assert check(found).splits.folds == 4


def test_the_command_prints_what_a_study_extends_and_its_defaults(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: default\nseed: 7\n")
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    said = CliRunner().invoke(__main__.app, ["config", str(mine)]).stdout
    assert yaml.safe_load(said) == raw | {"seed": 7}
    said = CliRunner().invoke(__main__.app, ["config", str(mine), "--expanded"]).stdout
    assert yaml.safe_load(said) == with_defaults(check(raw | {"seed": 7}))
