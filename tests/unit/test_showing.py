"""What is shown of a study is what the study does: an item, the very prompt that is scored, what a row is made of."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from uphill import __main__
from uphill.config.checked import check
from uphill.datasets.items import make_items
from uphill.engine import loading, scoring
from uphill.engine.loading import load_tokenizer
from uphill.engine.tokens import encode_prompts
from uphill.errors import UphillError
from uphill.hardness import human
from uphill.hardness.data import HardnessData
from uphill.hardness.levels import add_levels
from uphill.methods import icl
from uphill.methods.context import Cell
from uphill.methods.job import context_of
from uphill.planning.mocking import given
from uphill.running.job import Running
from uphill.schemas.files import write
from uphill.schemas.grades import GRADES
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.splits import SPLITS
from uphill.showing.cells import cell_lines
from uphill.showing.items import item_lines
from uphill.showing.prompts import Wanted, prompt_lines
from uphill.showing.tasks import instance_lines
from uphill.splits.draw import draw_splits
from uphill.splits.levels import experiment_levels
from uphill.splits.settings import SplitSettings
from uphill.tables.making import write as write_table
from uphill.workflow.stages.predictions import slices
from uphill.workflow.stages.responses import model_identity
from uphill.workflow.study import Study

ROOT = Path(__file__).parents[2]
NAMES = {"method": "icl", "model": "demo", "dataset": "dial"}


def raw_study() -> dict[str, Any]:
    """One dataset, asked with four examples and without."""
    raw = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    raw["datasets"] = {"dial": raw["datasets"]["dial"]}
    raw["datasets"]["dial"]["source"]["n_items"], raw["datasets"]["dial"]["pools"] = 160, {"hardness": 20}
    raw["measures"] = {"human": {"kind": "human"}}
    raw["methods"] = {
        "zero_shot": {"kind": "zero_shot"},
        "icl": {"kind": "icl", "k": 4},
        "icl_cot": {"kind": "icl", "k": 2, "cot": True},
        "lora": raw["methods"]["lora"] | {"n_train": 8},
        "probe": {"kind": "probe", "n_train": 8},
    }
    raw["splits"] = {"boots": 2, "n_train": 8, "n_test": 18, "min_test": 4}
    raw["statistics"] = {"draws": 200, "correlation_draws": 100}
    raw["population"] = [{"dataset": "dial", "variable": "num_steps", "methods": list(raw["methods"])}]
    for experiment in ("all_to_all", "learning_curves", "noisy_labels", "cross_difficulty", "weak_to_strong"):
        raw[experiment] = []
    raw["ladders"] = {}
    return raw


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The study with its items, levels and splits made, where it is run."""
    folder = tmp_path_factory.mktemp("study")
    for name in ("config", "resources", "src", "workflow"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        study = Study(check(raw_study()))
        (folder / "mine.yaml").write_text(yaml.safe_dump(raw_study()))
        job = study.job("items", {"dataset": "dial"})
        items = make_items(job.settings)
        write(items, job.files[0], ITEMS, job.spec)
        data = HardnessData(study.config.graded("dial"), items.set_index("item_id"), 0)
        values = human.measure("human", human.Settings(), data)
        hardness = add_levels(values, items.set_index("item_id"), study.config.datasets["dial"].cuts, 0)
        job = study.job("hardness", {"dataset": "dial"})
        write(hardness[HARDNESS.schema.names], job.files[0], HARDNESS, job.spec)
        job = study.job("splits", {"dataset": "dial", "split": "num_steps"})
        graded = experiment_levels(items, hardness, job.settings["levels"], job.settings["pools"])
        splits = draw_splits(graded, "dial", "num_steps", SplitSettings(**job.settings["sizes"]))
        write(splits, job.files[0], SPLITS, job.spec)
        yield study


def shown(study: Study, item_id: str, **wanted: Any) -> str:
    return "\n".join(prompt_lines(study, "dial", item_id, Wanted(**{"method": "icl", "model": "demo", **wanted})))


def test_an_item_is_shown_with_its_level(made: Study) -> None:
    item = make_items(made.job("items", {"dataset": "dial"}).settings).set_index("item_id").iloc[3]
    lines = list(item_lines(made, "dial", item.name))
    assert lines[0] == f"{item.name} of dial, {item['pool']} pool"
    assert any(item["question"] in line for line in lines)
    right = [line for line in lines if line.startswith("* ")]
    assert len(right) == 1
    assert right[0].endswith(item["answer_text"])
    level = "easy" if item["num_steps"] <= 2 else "hard" if item["num_steps"] >= 6 else "medium"
    assert f"{level:8} num_steps {item['num_steps']} (human)" in lines


def test_the_prompt_that_is_shown_is_the_one_that_is_scored(made: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test item of a cell: what the method hands to the engine, against what is shown for it."""
    scored: dict[str, Any] = {}

    def score(loaded: Any, prompts: Any, **_: Any) -> list[Any]:
        scored.update({prompt.item_id: prompt for prompt in prompts})
        return [
            scoring.Scores(prompt.item_id, *(np.zeros(len(prompt.choices), kind) for kind in (float, int)), None)
            for prompt in prompts
        ]

    monkeypatch.setattr(scoring, "score", score)
    share, settings = slices(made, "icl", "demo", "dial")["population/num_steps"], made.config.method_settings("icl")
    loaded = load_tokenizer(model_identity(made, "demo"))
    context = context_of(
        Running(given(made, made.job("predictions_on_model", NAMES))), share.spec, settings, lambda: loaded
    )
    list(icl.predict(context, settings, [Cell("dial", "hard", 1, 4)]))  # type: ignore[arg-type]
    assert len(scored) == 18
    for item_id in list(scored)[:3]:
        text = shown(made, item_id, train_on="hard", boot=1)
        assert text.startswith(
            "icl with demo on dial, population by num_steps, trained on 4 items of hard dial, boot 1"
        )
        assert f"\n{scored[item_id].text}\n" in text
        for choice in scored[item_id].choices:
            assert f"for {choice!r}, of which" in text
    assert shown(made, item_id, train_on="hard", boot=0) != text
    assert scored[item_id].text not in shown(made, item_id, train_on="easy", boot=1)


def test_tokens_are_those_of_the_text_and_scored_ones_are_marked(made: Study) -> None:
    text = shown(made, "dial-00003", train_on="easy")
    loaded = load_tokenizer(model_identity(made, "demo"))
    head, *tails = text.split(" tokens follow for ")
    ids = [int(line.split()[1]) for line in head.splitlines() if line.startswith("  ") and line.split()[0].isdigit()]
    assert f"{len(ids)} tokens are read once" in head
    prompt = head[head.index("Question:") : head.rindex(f"\n\n{len(ids)} tokens")]
    assert ids == encode_prompts(loaded, [prompt])[0]
    assert not any(line.startswith("*") for line in head.splitlines())
    for tail in tails:
        marked = sum(line.startswith("*") for line in tail.splitlines())
        assert marked == int(tail.split("of which ")[1].split()[0]) > 0


@pytest.mark.parametrize(
    ("wanted", "opens", "holds"),
    [
        ({"method": "zero_shot"}, "zero-shot pass of demo over dial, which zero_shot reads: item", "tokens follow for"),
        ({"method": "probe"}, "zero-shot pass of demo over dial, which probe reads: item", "tokens follow for"),
        ({"method": "lora"}, "lora with demo on dial, population by num_steps, trained on 8 items of", "tokens follow"),
        ({"method": "icl_cot"}, "icl_cot with demo on dial", "tokens are read, and the answer is generated"),
    ],
)
def test_every_kind_of_method_shows_what_it_asks(
    made: Study, wanted: dict[str, Any], opens: str, holds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(*_: Any, **__: Any) -> None:
        raise AssertionError("no weights are loaded")

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", weights)
    text = shown(made, "dial-00003", **wanted)
    assert text.startswith(opens)
    assert holds in text


def test_a_chat_template_is_shown_as_it_is_put(tmp_path: Path, made: Study) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ROOT / "resources/demo-models/1280k", folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told["chat_template"] = "{% for turn in messages %}[turn]{{ turn['content'] }}[end]{% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    raw = raw_study()
    raw["models"]["demo"] |= {"path": str(folder), "chat": True}
    plain, chat = (shown(study, "dial-00003", method="zero_shot") for study in (made, Study(check(raw))))
    asked = plain[plain.index("Question:") : plain.index("Answer:") + len("Answer:")]
    assert f"\n[turn]{asked}[end]\n" in chat


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["item", "dial", "dial-3"], "dial: no item 'dial-3', expected one of 160, such as 'dial-00000'"),
        (["item", "road", "dial-00003"], "items of dataset road: nothing in the config asks for it"),
        (["prompt", "dial", "dial-3"], "dial: no item 'dial-3'"),
        (["prompt", "dial", "dial-00003", "--method", "icl_8"], "method is 'icl_8', expected one of icl, icl_cot"),
        (["prompt", "dial", "dial-00003", "--model", "mine"], "model is 'mine', expected one of demo"),
        (["prompt", "dial", "dial-00003", "--method", "icl", "--train-on", "esy"], "no such cell, expected"),
        (["prompt", "dial", "dial-00003", "--method", "icl", "--boot", "2"], "no such cell, expected train level"),
        (["prompt", "dial", "dial-00003", "--method", "icl", "--variable", "x"], "expected one of population/"),
        (["cell", "sgr"], "results/tables/sgr.csv: no such file"),
        (["cell", "population", "easy"], "'easy': expected COLUMN=VALUE"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_one_line(made: Study, arguments: list[str], message: str) -> None:
    more = [] if arguments[0] == "cell" else ["--configfile", "mine.yaml"]
    done = CliRunner().invoke(__main__.app, ["show", *arguments, *more])
    assert isinstance(done.exception, UphillError), done.output
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_prompt_of_splits_that_are_not_made_names_their_file(made: Study) -> None:
    raw = raw_study()
    raw["seed"] = 1
    with pytest.raises(UphillError, match=r"results/items/dial.parquet: made by another config or by older code"):
        shown(Study(check(raw)), "dial-00003")


@pytest.fixture(scope="module")
def tabled(made: Study) -> pd.DataFrame:
    """Answers of the few-shot cells, right on every third item, and the table of them; the answers."""
    job = made.job("splits", {"dataset": "dial", "split": "num_steps"})
    splits = pd.read_parquet(job.files[0])
    for name in ("zero_shot", "icl", "icl_cot", "lora", "probe"):
        predictions, grades = (
            next(one for one in made.jobs if one.stage == stage and one.wildcards["method"] == name)
            for stage in ("predictions", "grade")
        )
        tested = splits[splits["role"] == "test"].copy()
        if name == "zero_shot":
            tested = tested[tested["train_on"] == "easy"].drop_duplicates("item_id").assign(train_on="none", boot=0)
        answers = tested[["train_on", "boot", "item_id"]].assign(
            **{"method": name, "model": "demo", "dataset": "dial", "experiment": "population", "variable": "num_steps"},
            **{
                "train_dataset": "dial",
                "n_train": 0 if name == "zero_shot" else 4,
                "noise_p": 0.0,
                "labels": "gold",
                "cot": False,
            },
            **{"k": 4 if name == "icl" else 0, "prompt": "0040", "dropped": 0, "text": None, "ended": None},
            **{
                "status": "ok",
                "parsed": "x",
                "p_gold": 0.5,
                "shares": None,
                "f1": None,
                "grader": "choice",
                "also": None,
            },
            scores=[[0.0, -1.0]] * len(tested),
            n_tokens=[[1, 1]] * len(tested),
            correct=tested["item_id"].str[-1].astype(int) % 3 == 0,
        )
        for one, contract in ((predictions, PREDICTIONS), (grades, GRADES)):
            spec = {**one.spec, "versions": {"population/num_steps": {}}}
            write(answers[contract.schema.names], one.files[0], contract, spec)
        if name == "icl":
            found = answers
    write_table(Running(given(made, made.job("table", {"table": "population"}))))
    return found


def test_a_row_is_traced_to_its_answers_boots_and_model(made: Study, tabled: pd.DataFrame) -> None:
    wanted = {"method": "icl", "train_on": "easy", "test_on": "hard"}
    text = "\n".join(cell_lines("population", wanted))
    splits = pd.read_parquet(made.job("splits", {"dataset": "dial", "split": "num_steps"}).files[0])
    hard = set(splits.loc[(splits["role"] == "test") & (splits["level"] == "hard"), "item_id"])
    for boot in (0, 1):
        own = tabled[(tabled["train_on"] == "easy") & (tabled["boot"] == boot) & tabled["item_id"].isin(hard)]
        assert f"boot {boot}: {own['correct'].sum()} of {len(own)} right" in text
        cell = (splits["role"] == "train") & (splits["train_on"] == "easy") & (splits["boot"] == boot)
        assert f"trained  {', '.join(splits[cell].sort_values('rank')['item_id'].head(4))}\n" in f"{text}\n"
    assert f"population/num_steps, made by {slices(made, 'icl', 'demo', 'dial')['population/num_steps'].id}" in text
    assert "path resources/demo-models/1280k" in text
    assert "seed       0" in text


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "rows, expected one; say which: method="),
        ({"method": "icl"}, "12 rows, expected one; say which: train_on=easy|medium|hard, test_on=all|easy|m"),
        ({"method": "icl_"}, "no row with method 'icl_', expected icl, icl_cot, lora"),
        ({"levle": "easy"}, "no column 'levle', expected one of model, dataset"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("tabled")
def test_a_row_that_is_not_one_is_refused(wanted: dict[str, str], message: str) -> None:
    with pytest.raises(UphillError) as caught:
        list(cell_lines("population", wanted))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("tabled")
def test_answers_are_written_as_instance_records(made: Study, tabled: pd.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    assert list(instance_lines(made, "icl", "demo", "dial", out)) == [f"{len(tabled)} records: {out}"]
    records = [json.loads(line) for line in out.read_text().splitlines()]
    right = {(row.item_id, row.train_on, str(row.boot)): row.correct for row in tabled.itertuples()}
    assert len(right) == len(records)
    for record in records:
        told = record["metadata"]
        assert record["evaluation"]["is_correct"] == right[record["sample_id"], told["train_on"], told["boot"]]
        assert record["model_id"] == "demo"


@pytest.mark.usefixtures("tabled")
@pytest.mark.parametrize(
    ("names", "seed", "message"),
    [
        (("icl", "dmeo", "dial"), 0, "model is 'dmeo', expected one of demo"),
        (("lcl", "demo", "dial"), 0, "method is 'lcl', expected one of zero_shot, icl"),
        (("icl", "demo", "dail"), 0, "dataset is 'dail', expected one of dial"),
        (("icl", "demo", "dial"), 1, r"made by another config or by older code"),
    ],
)
def test_answers_of_another_study_are_not_written(
    made: Study, names: tuple[str, str, str], seed: int, message: str, tmp_path: Path
) -> None:
    study = made if not seed else Study(check({**raw_study(), "seed": seed}))
    with pytest.raises(UphillError, match=message):
        list(instance_lines(study, *names, tmp_path / "answers.jsonl"))
    assert not (tmp_path / "answers.jsonl").exists()
