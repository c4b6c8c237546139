"""Bad input ends with one clear line, an exit status that is not 0, and nothing half made."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Checkout, shrink

from uphill.config.checked import check
from uphill.errors import UphillError
from uphill.workflow import preflight
from uphill.workflow.study import Study

Raw = dict[str, Any]


def at(path: str, value: Any) -> Callable[[Raw], None]:
    """Set one key of the config, named by a dotted path."""

    def change(raw: Raw) -> None:
        *parents, last = path.split(".")
        place: Any = raw
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        place[last] = value

    return change


CONFIGS = [
    (at("splits.n_tarin", 3), "mine.yaml: splits.n_tarin: unknown key (did you mean 'n_train'?)"),
    (at("seed", "many"), "mine.yaml: seed: is 'many'"),
    (at("population.0.dataset", "dail"), "mine.yaml: population.0.dataset is 'dail', expected one of dial"),
    (at("population.0.methods", ["prob"]), "mine.yaml: population.0.methods is 'prob', expected one of"),
    (at("test_models", ["big"]), "mine.yaml: test_models.0 is 'big', expected one of demo"),
    (at("population.0.variable", "steps"), "mine.yaml: population.0.variable is 'steps', expected one of"),
    (at("models.demo.path", "no/model"), "mine.yaml: models.demo: no model in the folder 'no/model', expected"),
    (at("datasets.dial.source", {"kind": "file", "path": "no.jsonl"}), "no.jsonl: cannot be read"),
]


def shrunk(change: Callable[[Raw], None]) -> Callable[[Raw], None]:
    """The small study, with a change."""

    def both(raw: Raw) -> None:
        shrink(raw)
        change(raw)

    return both


def refused(config: str) -> str:
    """What the workflow's own steps before its DAG say of a config, in this process and folder."""
    try:
        study = Study(check(yaml.safe_load(Path(config).read_text()), where=config))
        study.check()
        preflight.check(study)
    except UphillError as error:
        return str(error)
    pytest.fail("nothing is said")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A folder with what a config is checked against, to be in."""
    for name in ("config", "resources", "workflow", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return Checkout(tmp_path)


@pytest.mark.parametrize(("change", "message"), CONFIGS, ids=[message[11:50] for _, message in CONFIGS])
def test_a_wrong_config_is_refused_in_one_line(folder: Checkout, change: Callable[[Raw], None], message: str) -> None:
    line = refused(folder.configure(shrunk(change)))
    assert line.startswith(message)
    assert "\n" not in line


@pytest.mark.parametrize(("change", "message"), [CONFIGS[0], CONFIGS[-1]], ids=["a key", "a file"])
def test_wrong_config_ends_before_the_dag_is_built(
    checkout: Checkout, change: Callable[[Raw], None], message: str
) -> None:
    """Of the config itself, and of a file that it names."""
    run = checkout.snakemake("--configfile", checkout.configure(shrunk(change)))
    assert run.status != 0
    assert len(run.errors) == 1
    assert run.errors[0].startswith(f"error: {message}")
    assert "Traceback" not in run.output
    assert checkout.made() == []


GOOD = {"item_id": "a", "question": "x?", "choices": ["1", "2"], "answer": 0, "grade": 1}
ROWS = [
    ({"item_id": None}, "row 2: item_id is empty"),
    ({"item_id": "q0"}, "row 2: item_id 'q0' occurs twice"),
    (
        {"answer": 2},
        "row 2 (item_id 'a'): answer is 2, outside the choices, expected 0 to 1, or answer_is: one_based in the config",
    ),
    ({"choices": ["1"]}, "row 2 (item_id 'a'): one choice"),
    ({"question": ""}, "row 2 (item_id 'a'): question is empty"),
]


def with_items(checkout: Checkout, cells: Raw) -> str:
    """A file of items of which the second has some cells, and a config that reads it."""
    content = [GOOD | {"item_id": "q0"}, GOOD | cells, *(GOOD | {"item_id": f"q{n}"} for n in range(2, 90))]
    (checkout.folder / "mine.jsonl").write_text("\n".join(map(json.dumps, content)))

    def change(raw: Raw) -> None:
        raw["datasets"]["dial"] |= {"source": {"kind": "file", "path": "mine.jsonl"}, "human": ["grade"], "cuts": {}}
        raw["population"][0]["variable"] = "grade"

    return checkout.configure(shrunk(change))


@pytest.mark.parametrize(("cells", "message"), ROWS, ids=[message[:30] for _, message in ROWS])
def test_malformed_items_file_names_its_row(folder: Checkout, cells: Raw, message: str) -> None:
    line = refused(with_items(folder, cells))
    assert line.startswith(f"mine.jsonl: {message}")
    assert "\n" not in line


def test_malformed_items_end_before_the_dag_is_built(checkout: Checkout) -> None:
    cells, message = ROWS[2]
    run = checkout.snakemake("results/items/dial.parquet", "--configfile", with_items(checkout, cells))
    assert run.status != 0
    [_, line] = run.output.splitlines()  # behind Snakemake's own line on the profile
    assert line.startswith(f"error: mine.jsonl: {message}")
    assert checkout.made() == []


def test_answers_that_may_be_counted_from_0_or_from_1_are_refused_before_anything_runs(checkout: Checkout) -> None:
    content = [GOOD | {"item_id": f"q{n}", "choices": ["x", "y"], "answer": 1, "grade": n % 3} for n in range(90)]
    (checkout.folder / "mine.jsonl").write_text("\n".join(map(json.dumps, content)))

    def change(raw: Raw) -> None:
        shrink(raw)
        raw["datasets"]["dial"] |= {"source": {"kind": "file", "path": "mine.jsonl"}, "human": ["grade"], "cuts": {}}
        raw["population"][0]["variable"] = "grade"

    run = checkout.snakemake("-n", "--configfile", checkout.configure(change))
    assert run.status != 0
    [line] = run.errors
    assert line.startswith(
        "error: mine.jsonl: answer is 0 in none of 90 rows, as if counted from 1; expected answer_is: "
    )


def test_a_level_too_small_is_refused_before_anything_runs_and_loses_nothing(checkout: Checkout) -> None:
    good = checkout.configure(shrink, "good.yaml")
    assert checkout.snakemake("results/items/dial.parquet", "--configfile", good).status == 0

    def too_small(raw: Raw) -> None:
        shrink(raw)
        raw["splits"]["n_train"] = 60

    run = checkout.snakemake("--configfile", checkout.configure(too_small), "-n")
    assert run.status != 0
    [_, line] = run.output.splitlines()
    assert line.startswith("error: dataset 'dial', variable 'num_steps': level 'easy' has ")
    assert "expected at least 66 (n_train 60 + 6 to test on); all levels: " in line
    assert checkout.made() == ["results/items/dial.parquet"]


def test_a_level_that_only_a_model_knows_is_refused_by_its_job(checkout: Checkout) -> None:
    """Nobody can know the levels of an MDL before a model has run."""

    def change(raw: Raw) -> None:
        shrink(raw)
        raw["population"][0]["variable"] = "mdl_zero_shot"
        raw["splits"]["n_train"] = 60
        raw["methods"]["probe"]["n_train"] = 60

    config = checkout.configure(change)
    assert checkout.snakemake("--configfile", config, "-n").status == 0
    run = checkout.snakemake("results/splits/dial/mdl_zero_shot.parquet", "--configfile", config)
    assert run.status != 0
    [line] = run.errors
    assert line.startswith("error: dataset 'dial', variable 'mdl_zero_shot': level 'easy' has ")
    assert "results/hardness/measures/dial/mdl_zero_shot/demo.parquet" in checkout.made()


def test_a_lost_model_is_one_line_too(checkout: Checkout) -> None:
    """The folder is there when the DAG is built, but holds no weights."""
    (checkout.folder / "hollow").mkdir()
    (checkout.folder / "hollow/config.json").write_text("{}")

    def change(raw: Raw) -> None:
        shrink(raw)
        raw["models"]["demo"]["path"] = "hollow"

    run = checkout.snakemake(
        "results/responses/demo/dial/shard-0-of-1.parquet", "--configfile", checkout.configure(change)
    )
    assert run.status != 0
    assert len(run.errors) == 1
    assert run.errors[0].startswith("error: hollow: ")
    assert checkout.made() == ["results/items/dial.parquet"]
