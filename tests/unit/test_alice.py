"""Alice in short: the entries that it stands for, and what it refuses."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from alice_studies import ENTRY, raw

from uphill.config.alice import Alice, long_form
from uphill.config.checked import check
from uphill.config.generated import items_of, labelled_items
from uphill.config.study import Config
from uphill.config.whole import with_defaults
from uphill.config.yaml_files import read_map
from uphill.errors import UphillError
from uphill.workflow.study import Study

CASCADE = {"mid": "614k"}


def study_of(entries: dict[str, dict[str, Any]], **changes: Any) -> Study:
    return Study(check(raw(entries, **changes)))


def trained(config: Config) -> dict[str, tuple[str, str]]:
    """(base, labels) of each model that is trained."""
    return {name: (model.trained.base, model.trained.labels) for name, model in config.models.items() if model.trained}


def test_a_short_entry_is_these_trainings_texts_and_labels() -> None:
    config = study_of({"own": {}}).config
    teacher = "road.gold.supervisor.lora.340k"
    assert trained(config) == {
        teacher: ("340k", "road.gold.supervisor"),
        "own.naive": ("1280k", "own.weak"),
        "own.student": ("1280k", "own.labels"),
        "road.gold.lora.1280k": ("1280k", "road.gold"),
        "road.gold.lora.340k": ("340k", "road.gold"),
    }
    asked = {name: (one.model, one.ask, one.n, dict(one.beside)) for name, one in config.generations.items()}
    assert asked == {
        "own.samples": (teacher, "bare", 3, {}),
        "own.weak": (teacher, "bare", 1, {}),
        "road.own.1280k": ("1280k", "bare", 1, {}),
        "own.doubts": ("1280k", "doubt_number", 1, {"answers": "own.clusters"}),
        "own.rewrites": (
            *("1280k", "rewrite_number", 1),
            {"theirs": "own.clusters", "doubt": "own.doubts", "own": "road.own.1280k"},
        ),
    }
    [row] = config.entries("students").values()
    assert row.roles == {
        **{"own.weak": ("own.naive",), "own.labels": ("own.student",), "weak": (teacher,)},
        **{"weak_gold": ("road.gold.lora.340k",), "untrained": ("1280k",), "ceiling": ("road.gold.lora.1280k",)},
    }


def test_a_teacher_of_its_own_reasoning_learns_what_it_got_right() -> None:
    config = study_of({"own": {"supervision": "generated"}}).config
    kept = config.labels["road.reasoning.340k.kept"]
    assert kept == {"kind": "kept", "generation": "road.reasoning.340k", "target": "reasoning"}
    asked = config.generations["road.reasoning.340k"]
    assert (asked.model, asked.ask, asked.pool, asked.temperature) == ("340k", "reason_number", "supervisor", 0.7)


def test_ceilings_of_a_set_without_reasoning_learn_to_state_the_answer() -> None:
    config = study_of({"own": {"gold": "answer", "supervision": "generated"}}).config
    assert config.labels["road.stated"] == {"kind": "gold", "dataset": "road", "stated": True}
    assert trained(config)["road.stated.lora.1280k"] == ("1280k", "road.stated")


def test_a_cascade_teaches_on_disjoint_halves() -> None:
    config = study_of({"own": CASCADE}).config
    halves = {name: items_of(config, name).half for name in config.generations}
    assert {half for name, half in halves.items() if name.startswith("own.mid.")} == {"first"}
    assert {halves[name] for name in ("own.samples", "own.weak", "own.rewrites", "road.own.1280k.second")} == {"second"}
    mid, asked = labelled_items(config, "own.mid.labels"), items_of(config, "own.samples")
    assert config.generations["own.samples"].model == "own.mid"
    assert not mid.meets(asked)
    assert [row.weak for row in config.entries("students").values()] == [
        ["own.mid"],
        ["road.gold.supervisor.lora.340k"],
    ]


def test_what_entries_share_is_made_once() -> None:
    one, both = (study_of(entries) for entries in ({"a": {}}, {"a": {}, "b": {"uncertainty": False}}))
    more = {name for name in both.config.models if name not in one.config.models}
    assert more == {"b.naive", "b.student"}
    assert set(both.config.generations) - set(one.config.generations) == {"b.rewrites"}
    assert set(both.config.clusters) == {"a.clusters"}
    read = both.config.generations["b.rewrites"].beside
    assert read == {"theirs": "a.clusters", "own": "road.own.1280k"}
    assert both.config.labels["b.weak"] == {"kind": "texts", "generation": "a.weak"}
    assert both.config.labels["b.labels"]["clusters"] == "a.clusters"


def test_of_ablations_all_that_is_equal_is_shared_to_the_last_text_and_nothing_else() -> None:
    """Two equal entries differ in their trainings' names alone; of other numbers of texts, nothing is shared."""
    twice = study_of({"a": {}, "b": {}}).config
    assert not [name for name in (*twice.generations, *twice.clusters) if name.startswith("b.")]
    assert twice.labels["b.labels"]["rewrites"] == "a.rewrites"
    other = study_of({"a": {}, "b": {"n": 4}}).config
    assert {"b.samples", "b.doubts", "b.rewrites"} <= set(other.generations)
    assert other.generations["b.doubts"].beside == {"answers": "b.clusters"}
    assert "b.weak" not in other.generations


@pytest.mark.parametrize(
    ("left_out", "ask", "beside"),
    [
        ({"uncertainty": False}, "revise_number", {"theirs", "own"}),
        ({"own": False}, "hint_number", {"theirs", "doubt"}),
        ({"own": False, "uncertainty": False}, "retell_number", {"theirs"}),
        ({"clusters": False, "uncertainty": False}, "revise_number", {"theirs", "own"}),
    ],
)
def test_parts_can_be_left_out(left_out: dict[str, Any], ask: str, beside: set[str]) -> None:
    config = study_of({"own": left_out}).config
    again = config.generations["own.rewrites"]
    assert (again.ask, set(again.beside)) == (ask, beside)
    mixed = left_out.get("clusters", True)
    assert config.labels["own.labels"]["kind"] == ("certain_or_rewritten" if mixed else "texts")
    assert ("own.clusters" in config.clusters) == mixed
    assert ("own.doubts" in config.generations) == ("doubt" in beside)


def test_seeds_are_trainings_of_students_and_ceilings() -> None:
    config = study_of({"own": {"seeds": 3}}).config
    [row] = config.entries("students").values()
    assert row.students["own.labels"] == ["own.student", "own.student.1", "own.student.2"]
    seeds = [config.models[name].trained.seed for name in row.ceiling]  # type: ignore[union-attr] # they are trained
    assert seeds == [0, 1, 2]


@pytest.mark.parametrize("entry", [{}, CASCADE, {"seeds": 2, "shards": 3}, {"clusters": False, "uncertainty": False}])
def test_the_long_form_is_a_config_of_the_same_study(entry: dict[str, Any], tmp_path: Path) -> None:
    short = raw({"own": entry})
    path = tmp_path / "long.yaml"
    path.write_text(yaml.safe_dump(with_defaults(check(copy.deepcopy(short))), sort_keys=False))
    long = read_map(path)
    assert "alice" not in long
    one, other = (Study(check(one)) for one in (short, long))
    # The report shows the config as it was written.
    assert [(job.rule, job.wildcards, job.id) for job in one.jobs if job.rule != "report"] == [
        (job.rule, job.wildcards, job.id) for job in other.jobs if job.rule != "report"
    ]


def test_an_entry_is_pure() -> None:
    before = copy.deepcopy(ENTRY)
    assert long_form("own", Alice.model_validate(ENTRY)) == long_form("own", Alice.model_validate(ENTRY))
    assert before == ENTRY


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"n": 1}, {}, r"alice.own: n is 1, which makes no clusters, expected 2 or more, or clusters: false"),
    ({"clusters": False}, {}, r"alice.own: clusters is off, which leaves no doubts to put into words"),
    ({"uncertainty": False, "summariser": "614k"}, {}, r"alice.own: uncertainty is off, and summariser is '614k'"),
    ({"gold": "answer"}, {}, r"alice.own: supervision is 'gold', of which a teacher learns reasoning"),
    ({"kind": "letters"}, {}, r"alice.own.kind: is 'letters', expected 'choice', 'number' or 'open'"),
    ({"teecher": "340k"}, {}, r"alice.own.teecher"),
    ({"recipe": "full"}, {}, r"recipe is 'full'"),
    ({}, {"labels": {"own.weak": {"kind": "gold", "dataset": "road"}}}, r"alice.own makes labels.own.weak, and the"),
]


@pytest.mark.parametrize(("entry", "changes", "message"), WRONG)
def test_what_cannot_be_is_refused_by_its_key(entry: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        check(raw({"own": entry}, **changes))


def test_a_dataset_without_test_items_is_refused() -> None:
    found = raw({"own": {}})
    del found["datasets"]["road"]["pools"]["test"]
    with pytest.raises(UphillError, match=r"that it was trained on, by labels .*; expected pools.test"):
        check(found)
