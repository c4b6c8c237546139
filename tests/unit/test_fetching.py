"""Which repositories of the hub a study reads."""

import yaml
from alice_studies import raw as alice_study
from conftest import ROOT

from uphill.config.checked import check
from uphill.config.study import Config
from uphill.workflow.fetching import repositories
from uphill.workflow.study import Study

A, B = "a" * 40, "b" * 40


def study() -> Config:
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    raw["models"] |= {
        "small": {"hub_id": "org/small", "revision": A},
        "small_4bit": {"hub_id": "org/small", "revision": A, "quantization": "4bit"},
        "coded": {"hub_id": "org/coded", "revision": B, "trust_remote_code": True},
    }
    raw["datasets"]["math"] = {"source": {"kind": "gsm8k", "revision": B}, "prompt": "0306"}
    return check(raw)


def test_each_repository_is_named_once_and_what_is_local_never() -> None:
    found = repositories(study(), ["demo", "small", "small_4bit", "coded"], ["dial", "math"])
    assert found == [
        {"kind": "model", "hub_id": "org/small", "revision": A},
        {"kind": "model", "hub_id": "org/coded", "revision": B, "code": True},
        {"kind": "dataset", "hub_id": "openai/gsm8k", "revision": B},
    ]


def test_of_an_embedder_its_parts_are_fetched() -> None:
    raw = alice_study({"plain": {"same": "embedding", "embedder": "small", "above": 0.9}})
    raw["models"]["small"] = {"hub_id": "org/small", "revision": A}
    found = Study(check(raw))
    assert "small" in found.models
    [repository] = repositories(found.config, found.models, [])
    assert repository == {"kind": "model", "hub_id": "org/small", "revision": A, "parts": True}


def test_only_what_the_study_uses_is_named() -> None:
    assert repositories(study(), ["demo"], ["dial"]) == []
