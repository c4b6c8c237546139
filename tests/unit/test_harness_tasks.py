"""Exported tasks in the real LM Evaluation Harness: same prompts, log-likelihoods, grades; and back as a matrix."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from uphill.__main__ import app
from uphill.engine.asking import ask
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError
from uphill.grading.grade import Item, Output
from uphill.grading.stage import grader
from uphill.hardness.answer_matrix import read_matrix
from uphill.harness.export import Written, export_task
from uphill.harness.logs import Wanted, read_logs
from uphill.prompts.forms import Form, shipped
from uphill.prompts.templates import PromptFormat, Question

lm_eval = pytest.importorskip("lm_eval")

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "resources" / "demo-models" / "1280k"
TURN = "{{ bos_token }}Question: {{ messages[0]['content'] }}{% if add_generation_prompt %}\nAnswer:{% endif %}"
NATS = 1e-4
FORM, SPACED = shipped().form("0040"), shipped().form("0040", trailing_space=True)
# What the harness would evaluate, were it a template, or take for another type: quotes, lists, digits, dates.
AWKWARD = [["it's", '"q"', "[a]", "7"], ["2015-01-02", "2016-02-03", "null", "no"], ["é", "ab", "[1, 2]", "{{gold}}"]]


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


def items_of(count: int = 6, awkward: bool = False) -> pd.DataFrame:
    questions = [f"the dial is at {number}. it goes {number + 1} up. where is it?" for number in range(count)]
    choices = [[str((number + step) % 20) for step in (3, 1, 9, 12)] for number in range(count)]
    if awkward:
        choices[:3] = AWKWARD
    answers = [number % 4 for number in range(count)]
    return pd.DataFrame(
        {
            "question": questions,
            "choices": choices,
            "answer_idx": pd.array(answers, dtype="Int64"),
            "answer_text": [own[at] for own, at in zip(choices, answers, strict=True)],
            "reasoning": "",
            "pool": "experiment",
            "subject": ["a b", "c"] * (count // 2),
        },
        index=pd.Index([f"007-{number}" for number in range(count)], name="item_id"),
    )


def model_folder(path: Path, template: str) -> Path:
    """The demo model with a chat template, which is used only where a model is asked as one that chats."""
    shutil.copytree(DEMO, path)
    settings = path / "tokenizer_config.json"
    settings.chmod(0o644)
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "chat_template": template}))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("harness") / "model", TURN)


def ours(folder: Path, chat: bool) -> Loaded:
    entry = {"path": str(folder), "dtype": "float32", "quantization": "none", "trust_remote_code": False, "chat": chat}
    return load(entry, pack_tokens=512)


def theirs(folder: Path, task: Path, name: str, chat: bool, logs: Path | None = None) -> dict[str, Any]:
    """What the harness finds, by its own command's path: tasks of a folder, and logs written by its tracker."""
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=str(logs)) if logs else None
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(folder), "dtype": "float32", "add_bos_token": None},
        tasks=[name],
        device="cpu",
        batch_size=4,
        bootstrap_iters=0,
        log_samples=True,
        apply_chat_template=chat,
        task_manager=TaskManager(include_path=str(task), include_defaults=False),
        evaluation_tracker=tracker,
    )
    if tracker:
        tracker.save_results_aggregated({key: value for key, value in found.items() if key != "samples"}, None)
        tracker.save_results_samples(task_name=name, samples=found["samples"][name])
    return found


def by_id(found: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {sample["doc"]["id"]: sample for sample in found["samples"][name]}


@pytest.mark.parametrize(
    ("form", "chat"), [(FORM, False), (FORM, True), (SPACED, False)], ids=["plain", "chat", "space"]
)
def test_log_likelihoods_are_those_of_the_real_harness(folder: Path, tmp_path: Path, form: Form, chat: bool) -> None:
    items = items_of()
    export_task("dial_task", items, form, tmp_path / "task")
    found = by_id(theirs(folder, tmp_path / "task", "dial_task", chat), "dial_task")
    loaded = ours(folder, chat)
    prompts = ask(items, form, None)
    assert list(found) == list(items.index)
    for prompt, scores in zip(prompts, score(loaded, prompts), strict=True):
        sample = found[prompt.item_id]
        asked = list(sample["arguments"])
        if not chat:
            assert [context for context, _ in asked] == [prompt.text] * 4
        space = "" if chat or form["trailing_space"] else " "
        assert [choice for _, choice in asked] == [f"{space}{choice}" for choice in prompt.choices]
        logged = [float(values[0]) for values in sample["filtered_resps"]]
        np.testing.assert_allclose(logged, scores.logprob, rtol=0, atol=NATS)
        assert sample["acc"] == (np.argmax(scores.logprob) == items.loc[prompt.item_id, "answer_idx"])


def test_behind_a_turn_that_ends_in_a_line_end_the_harness_scores_that_too(folder: Path, tmp_path: Path) -> None:
    """Which is one number an item: the differences between its choices are the same."""
    path = model_folder(tmp_path / "model", TURN.replace("Answer:", "Answer:\n"))
    items, loaded = items_of(), ours(path, chat=True)
    export_task("dial_task", items, FORM, tmp_path / "task")
    found = by_id(theirs(path, tmp_path / "task", "dial_task", True), "dial_task")
    prompts = ask(items, FORM, None)
    line_ends = score(ours(folder, True), [Prompt(one.item_id, one.text, ["\n"]) for one in prompts])
    for prompt, scores, line_end in zip(prompts, score(loaded, prompts), line_ends, strict=True):
        logged = [float(values[0]) for values in found[prompt.item_id]["filtered_resps"]]
        np.testing.assert_allclose(logged, scores.logprob + line_end.logprob[0], rtol=0, atol=NATS)
        assert line_end.logprob[0] < -0.01


def test_what_the_harness_logs_comes_back_as_a_matrix(folder: Path, tmp_path: Path) -> None:
    """Two models, the second with other weights: export, run, read, and the irt measure's own reader."""
    import safetensors.torch

    items = items_of()
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    weights = safetensors.torch.load_file(other / "model.safetensors")
    (other / "model.safetensors").chmod(0o644)
    changed = {name: -value if "lm_head" in name or "embed" in name else value for name, value in weights.items()}
    safetensors.torch.save_file(changed, other / "model.safetensors", metadata={"format": "pt"})
    export_task("dial_task", items, FORM, tmp_path / "task")
    expected = {}
    for model in (folder, other):
        theirs(model, tmp_path / "task", "dial_task", False, tmp_path / "logs")
        prompts = ask(items, FORM, None)
        best = [int(np.argmax(scores.logprob)) for scores in score(ours(model, False), prompts)]
        expected[model.name] = (np.array(best) == items["answer_idx"].to_numpy(dtype=int)).astype(int).tolist()
    logs = sorted((tmp_path / "logs").rglob("samples_dial_task_*.jsonl"))
    assert len(logs) == 2
    done = CliRunner().invoke(app, ["harness", "read", *map(str, logs), "--out", str(tmp_path / "matrix.parquet")])
    assert done.exit_code == 0, done.output
    assert f"2 models x {len(items)} items" in done.output
    matrix = read_matrix(tmp_path / "matrix.parquet", "item_id", [])
    assert matrix.item_ids == list(items.index)
    assert sorted(name.split("__")[-1] for name in matrix.models) == sorted(expected)
    for name, row in zip(matrix.models, matrix.answers.tolist(), strict=True):
        assert row == expected[name.split("__")[-1]]
    # The place in the split would do as well, and so would the other metric.
    places = read_logs(logs, Wanted(item="doc_id", metric="acc_norm")).matrix
    assert places.item_ids == [str(number) for number in range(len(items))]


def test_written_answers_are_graded_as_here(folder: Path, tmp_path: Path) -> None:
    items = items_of().assign(choices=[[]] * 6, answer_idx=pd.array([None] * 6, dtype="Int64"))
    loaded, form = ours(folder, False), shipped().form("0306")
    asked = PromptFormat(form)
    prompts = [prompt.text for prompt in ask(items, form, None)]
    said = list(generate(loaded, prompts, 12, 4, rule=asked.answer_end))
    # What the model says is right for half of them, so that both grades occur.
    items["answer_text"] = [answer.text or "?" if at % 2 else "nothing" for at, answer in enumerate(said)]
    written = Written("span", {}, 12)
    export_task("said", items, form, tmp_path / "task", written)
    found = by_id(theirs(folder, tmp_path / "task", "said", False), "said")
    grade = grader({"grader": "span", "settings": {}})
    correct = []
    for (item_id, row), answer in zip(items.iterrows(), said, strict=True):
        expected = grade(Item(row["question"], (), None, row["answer_text"]), Output(answer.text))
        assert found[str(item_id)]["acc"] == expected.correct
        assert found[str(item_id)]["parsed"] == (expected.status == "ok")
        assert found[str(item_id)]["arguments"][0][0] == asked.prompt(ask_question(row))
        correct.append(expected.correct)
    assert 0 < sum(correct) < len(correct)


def ask_question(row: Any) -> Question:
    return Question(row["question"], [], row["answer_text"])


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_harness_sees_texts_and_not_what_they_might_mean(tmp_path: Path) -> None:
    from lm_eval.tasks import TaskManager

    items = items_of(awkward=True)
    export_task("awkward", items, FORM, tmp_path / "task")
    [task] = (
        TaskManager(include_path=str(tmp_path / "task"), include_defaults=False).load(["awkward"])["tasks"].values()
    )
    docs = list(task.test_docs())
    assert [task.doc_to_choice(doc) for doc in docs] == items["choices"].tolist()
    assert [task.doc_to_target(doc) for doc in docs] == items["answer_idx"].tolist()
    for doc, prompt in zip(docs, ask(items, FORM, None), strict=True):
        for chat, space in ((False, " "), (True, "")):
            requests = task.construct_requests(
                doc, task.doc_to_text(doc), apply_chat_template=chat, metadata=("awkward", 0, 1)
            )
            assert [one.args for one in requests] == [(prompt.text, f"{space}{one}") for one in prompt.choices]


def test_the_folder_holds_texts_as_they_are(tmp_path: Path) -> None:
    items = items_of(awkward=True)
    files = export_task("no", items, FORM, tmp_path / "task")
    assert [path.name for path in files] == ["no.yaml", "items.jsonl", "utils.py"]
    text = files[0].read_text()
    assert "!function 'utils.dataset'" in text
    config = yaml.safe_load(text.replace("!function ", ""))
    assert config["task"] == "no"  # a text, and not false
    assert (config["target_delimiter"], config["num_fewshot"], config["doc_to_choice"]) == (" ", 0, "choices")
    rows = [json.loads(line) for line in files[1].read_text().splitlines()]
    assert [row["choices"] for row in rows] == items["choices"].tolist()
    assert [row["gold"] for row in rows] == items["answer_idx"].tolist()
    assert json.loads(rows[0]["metadata"]) == {"subject": "a b"}
    before = [path.read_bytes() for path in files]
    assert [path.read_bytes() for path in export_task("no", items, FORM, tmp_path / "task")] == before


def changed(column: str, value: Any, row: int = 2) -> pd.DataFrame:
    items = items_of()
    items[column] = [value if at == row else old for at, old in enumerate(items[column])]
    return items.astype({"answer_idx": "Int64"})


@pytest.mark.parametrize(
    ("name", "items", "form", "message"),
    [
        ("a task", items_of(), FORM, "task 'a task': expected a name of letters, digits"),
        ("a", items_of()[:0], FORM, "task 'a': no items"),
        ("a", changed("choices", []), FORM, "item '007-2' has no choices, expected some to score"),
        ("a", changed("answer_idx", None), FORM, "item '007-2' has no right choice"),
        (
            "a",
            changed("choices", [" x", "y"]),
            FORM,
            "a choice of item '007-2' does not follow a space and one of item",
        ),
        ("a", items_of(), {**FORM, "answers": "apart"}, "answers is apart, expected joined"),
    ],
)
def test_what_the_harness_cannot_ask_is_refused(
    tmp_path: Path, name: str, items: pd.DataFrame, form: Form, message: str
) -> None:
    with pytest.raises(UphillError, match=message) as refused:
        export_task(name, items, form, tmp_path / "task")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "task").exists()


@pytest.fixture
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("_from_the_checkout")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["dial"], {"output_type": "multiple_choice", "target_delimiter": " "}),
        (["dial", "--reasoning"], {"output_type": "generate_until"}),
        (["road_written"], {"output_type": "generate_until", "process_results": "utils.process_results"}),
    ],
)
def test_a_studys_dataset_is_exported_by_a_command(
    tmp_path: Path, arguments: list[str], expected: dict[str, str]
) -> None:
    done = CliRunner().invoke(app, ["harness", "export", *arguments, "--out", str(tmp_path / "task")])
    assert done.exit_code == 0, done.output
    assert "2000 items" in done.output
    config = yaml.safe_load((tmp_path / "task" / f"{arguments[0]}.yaml").read_text().replace("!function ", ""))
    assert expected.items() <= config.items()
    first = json.loads((tmp_path / "task" / "items.jsonl").read_text().splitlines()[0])
    assert first["question"] in first["prompt"]


@pytest.mark.usefixtures("_from_the_checkout")
def test_another_prompt_and_one_pool_can_be_exported(tmp_path: Path) -> None:
    arguments = ["harness", "export", "dial", "--prompt", "0000", "--pool", "hardness", "--out", str(tmp_path / "task")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "600 items" in done.output
    first = json.loads((tmp_path / "task" / "items.jsonl").read_text().splitlines()[0])
    question = Question(first["question"], first["choices"], first["answer"])
    assert first["prompt"] == PromptFormat(shipped().form("0000")).prompt(question)
    assert first["prompt"] != PromptFormat(FORM).prompt(question)


@pytest.mark.usefixtures("_from_the_checkout")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dail"], "dataset is 'dail', expected one of dial, road, road_written"),
        (["dial", "--pool", "test"], "dataset 'dial': no pool 'test', expected one of experiment, hardness"),
        (["dial", "--prompt", "00"], "prompt template '00': expected four digits or letters, such as '0040'"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["harness", "export", *arguments, "--out", str(tmp_path / "task")])
    assert isinstance(done.exception, UphillError)
    assert str(done.exception).startswith(message)
