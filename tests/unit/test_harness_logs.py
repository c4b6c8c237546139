"""Logs of other tools: what they say of who answered what, what is refused, and our own answers in their format."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.hardness import irt
from uphill.hardness.answer_matrix import write_matrix
from uphill.hardness.data import Graded, HardnessData
from uphill.hardness.item_response import MISSING
from uphill.harness.instances import instances, sample_hash, write_instances
from uphill.harness.logs import Panel, Wanted, read_logs
from uphill.schemas.predictions import CONDITION

Row = dict[str, Any]


def sample(item: str | int | None, right: Any = 1.0, **more: Any) -> Row:
    """A line as the harness writes it: texts of log-likelihoods, and the metric as a number."""
    doc = {"question": f"what is {item}?", "choices": ["a", "b"], **({} if item is None else {"id": item})}
    return {
        "doc_id": 0 if item is None else int("0" + "".join(filter(str.isdigit, str(item)))),
        "doc": doc,
        "target": "0",
        "arguments": {"gen_args_0": {"arg_0": "what?", "arg_1": " a"}},
        "resps": [[["-1.2", "False"]], [["-2.2", "False"]]],
        "filtered_resps": [["-1.2", "False"], ["-2.2", "False"]],
        "filter": "none",
        "metrics": ["acc"],
        "acc": right,
        **more,
    }


def logged(folder: Path, model: str, rows: list[Row], name: str = "samples_t_2026-01-01.jsonl") -> Path:
    path = folder / model / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def two(folder: Path, first: list[Row], second: list[Row] | None = None) -> list[Path]:
    other = [sample(f"q{number}", 0.0) for number in range(1, 4)] if second is None else second
    return [logged(folder, "one", first), logged(folder, "two", other)]


def table(panel: Panel) -> dict[str, dict[str, int]]:
    """Answers by model and item, without the missing ones."""
    return {
        model: {item: int(value) for item, value in zip(panel.matrix.item_ids, row, strict=True) if value != MISSING}
        for model, row in zip(panel.matrix.models, panel.matrix.answers, strict=True)
    }


def test_a_log_says_which_items_its_folders_model_answered_rightly(tmp_path: Path) -> None:
    rows = [sample("q2", 0.0), sample("q1", 1.0), sample("q3", None), sample("q4", True)]
    paths = two(tmp_path, rows, [sample("q1", "1", model="org/named"), sample("q2", 0, model="org/named")])
    panel = read_logs(paths, Wanted())
    assert table(panel) == {"one": {"q1": 1, "q2": 0, "q4": 1}, "org/named": {"q1": 1, "q2": 0}}
    assert panel.matrix.item_ids == ["q1", "q2", "q3", "q4"]
    assert panel.without_id == {}
    assert table(read_logs(paths[::-1], Wanted())) == table(panel)


def test_the_irt_measure_reads_what_was_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = [
        logged(tmp_path, f"m{model}", [sample(f"q{item}", float(rng.random() < item / 9)) for item in range(1, 9)])
        for model in range(12)
    ]
    panel = read_logs(paths, Wanted())
    write_matrix(panel.matrix, tmp_path / "m.parquet")
    settings = irt.Settings.model_validate({"dataset": "d", "path": tmp_path / "m.parquet"})
    index = pd.Index(panel.matrix.item_ids, name="item_id")
    data = HardnessData(Graded("d", (), False, 0), pd.DataFrame({"pool": "experiment"}, index=index), 0)
    values = irt.measure("rasch", settings, data).set_index("item_id")["value"]
    shares = pd.Series((panel.matrix.answers == 1).mean(0), index)
    assert (values.sort_values().index == shares.sort_values(ascending=False, kind="stable").index).mean() > 0.4
    assert values[shares.idxmax()] == values.min()


def test_one_of_several_filters_is_chosen(tmp_path: Path) -> None:
    rows = [
        sample(f"q{number}", float(name == "flexible" or number == 1), filter=name)
        for name in ("strict", "flexible")
        for number in (1, 2, 3)
    ]
    paths = two(tmp_path, rows, [row | {"acc": 0.0} for row in rows])
    assert table(read_logs(paths, Wanted(filter="strict")))["one"] == {"q1": 1, "q2": 0, "q3": 0}
    assert table(read_logs(paths, Wanted(filter="flexible")))["one"] == {"q1": 1, "q2": 1, "q3": 1}
    with pytest.raises(UphillError, match="several kinds, expected one filter to be chosen: flexible, strict"):
        read_logs(paths, Wanted())
    with pytest.raises(UphillError, match="no line whose filter is 'stirct', found flexible, strict"):
        read_logs(paths, Wanted(filter="stirct"))
    # Before logs named filters, each of them had its lines all the same.
    old = two(tmp_path / "old", [{key: value for key, value in row.items() if key != "filter"} for row in rows])
    with pytest.raises(UphillError, match=r"'one' answers item 'q1' twice \(.*: line 1; .*: line 4\)"):
        read_logs(old, Wanted())


def test_lines_without_an_id_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = two(tmp_path, [sample("q1"), sample(None), sample("q2", 0.0), sample(" ")])
    panel = read_logs(paths, Wanted())
    assert table(panel)["one"] == {"q1": 1, "q2": 0}
    assert panel.without_id == {str(paths[0]): 2}
    assert "2 of 4 lines have no doc.id and are left out" in caplog.text


def test_places_in_the_split_do_where_they_mean_the_same_question(tmp_path: Path) -> None:
    first = [sample(f"q{number}") for number in (1, 2)]
    mixed = [sample("q2", 0.0, doc={**first[1]["doc"], "choices": ["b", "a"]}), sample("q1", 0.0)]
    assert table(read_logs(two(tmp_path, first, mixed), Wanted(item="doc_id")))["two"] == {"1": 0, "2": 0}
    other = [sample("q1", 0.0, doc={"question": "another?"})]
    with pytest.raises(UphillError, match=r"item '1' is another question than in .*one/samples.*: line 1, expected"):
        read_logs(two(tmp_path / "other", first, other), Wanted(item="doc_id"))


BAD = [
    ([sample("q1"), sample("q1")], Wanted(), r"'one' answers item 'q1' twice \(.*line 1; .*line 2\), expected one"),
    ([sample("q1"), sample("q1", 0.0)], Wanted(), "'one' answers item 'q1' twice"),
    ([sample("q1", 0.5)], Wanted(), "line 1: acc is 0.5, expected 1 for right or 0 for wrong"),
    ([sample("q1", [True, False])], Wanted(), r"line 1: acc is \[True, False\], expected 1 for right"),
    ([sample("q1", "[invalid]")], Wanted(), r"line 1: acc is \[invalid\], expected 1"),
    ([sample("q1", "False")], Wanted(), "line 1: acc is False, expected 1"),
    (
        [sample("q1", exact_match=1.0)],
        Wanted("em"),
        "no em, expected the metric's value; fields of 1 and 0: acc, exact",
    ),
    ([sample(None), sample(None)], Wanted(), "none of 2 lines has doc.id, expected the item's id there; name another"),
    ([sample("q1")], Wanted(item="doc.key"), "none of 1 lines has doc.key"),
    ([sample("q1", doc={"id": ["q1"]})], Wanted(), "line 1: doc.id is a list, expected the id of an item"),
    ([], Wanted(), "no lines, expected one an item"),
]


@pytest.mark.parametrize(("rows", "wanted", "message"), BAD)
def test_a_bad_log_is_refused_in_one_line(tmp_path: Path, rows: list[Row], wanted: Wanted, message: str) -> None:
    with pytest.raises(UphillError, match=message) as refused:
        read_logs(two(tmp_path, rows), wanted)
    assert "\n" not in str(refused.value)


def test_a_log_of_one_model_is_no_panel(tmp_path: Path) -> None:
    with pytest.raises(UphillError, match=r"1 respondents \(one\), expected two or more"):
        read_logs([logged(tmp_path, "one", [sample("q1"), sample("q2", 0.0)])], Wanted())


# -- Every Eval Ever -------------------------------------------------------------------------------------------------

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
# What its instance schema asks of a single turn, in our words.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        *("schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id", "interaction_type"),
        *("input", "output", "answer_attribution", "evaluation"),
    ],
    "properties": {
        **dict.fromkeys(("schema_version", "evaluation_id", "evaluation_result_id", "model_id"), TEXT),
        **dict.fromkeys(("evaluation_name", "sample_id", "sample_hash"), TEXT),
        "interaction_type": {"const": "single_turn"},
        "input": {
            "type": "object",
            "required": ["raw", "reference"],
            "properties": {"raw": TEXT, "formatted": TEXT, "reference": TEXTS, "choices": TEXTS},
        },
        "output": {"type": "object", "required": ["raw"], "properties": {"raw": TEXTS}},
        "answer_attribution": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["turn_idx", "source", "extracted_value", "extraction_method", "is_terminal"],
                "properties": {
                    "turn_idx": {"type": "integer", "minimum": 0},
                    **dict.fromkeys(("source", "extracted_value", "extraction_method"), TEXT),
                    "is_terminal": {"type": "boolean"},
                },
            },
        },
        "evaluation": {
            "type": "object",
            "required": ["score", "is_correct"],
            "properties": {"score": {"type": "number"}, "is_correct": {"type": "boolean"}},
        },
        "metadata": {"type": "object", "additionalProperties": TEXT},
    },
}


def answers(kind: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Items, predictions and grades of two cells: scores of choices, or texts of which one has no answer."""
    texts = kind == "text"
    items = pd.DataFrame(
        {
            "question": ["où?", "b?"],
            "choices": [[], []] if texts else [["x", "y"], ["y", "z"]],
            "answer_text": ["x", "z"],
        },
        index=pd.Index(["q1", "q2"], name="item_id"),
    )
    condition = {**dict.fromkeys(CONDITION, "c"), "boot": 0, "n_train": 8, "noise_p": 0.0, "k": 0, "cot": texts}
    condition |= {"dropped": 0, "dataset": "d", "method": "icl"}
    keyed = [{**condition, "boot": boot, "item_id": item} for boot in (0, 1) for item in items.index]
    predictions = pd.DataFrame(keyed).assign(
        scores=[None] * 4 if texts else [np.array([-0.5, -1.25])] * 4,
        text=["so x", "so z", "x", "who knows"] if texts else [None] * 4,
        n_tokens=[np.array([2])] * 4,
        ended=[True] * 4 if texts else [None] * 4,
    )
    grades = pd.DataFrame(keyed).assign(
        status=["ok", "ok", "ok", "none" if texts else "ok"],
        parsed=["x", "z", "x", ""] if texts else ["x", "y", "x", "y"],
        correct=[True, texts, True, False],
        p_gold=[np.nan] * 4 if texts else [0.7, 0.3, 0.7, 0.3],
        grader="stated" if texts else "choice",
    )
    return items, predictions, grades


@pytest.mark.parametrize("kind", ["text", "scores"])
def test_our_answers_are_records_that_the_schema_takes(tmp_path: Path, kind: str) -> None:
    items, predictions, grades = answers(kind)
    found = list(instances(items, predictions, grades.iloc[::-1], "org/model"))
    assert len(found) == 4
    for record in found:
        jsonschema.validate(record, SCHEMA)
    by_cell = {(record["metadata"]["boot"], record["sample_id"]): record for record in found}
    right = by_cell["0", "q1"]
    assert right["evaluation"] == {"score": 1.0, "is_correct": True}
    assert right["output"]["raw"] == ["so x" if kind == "text" else "x"]
    assert right["answer_attribution"][0]["extracted_value"] == "x"
    assert right["input"]["raw"] == "où?"
    assert ("choices" in right["input"]) == (kind == "scores")
    assert len({record["evaluation_result_id"] for record in found}) == 2  # of each cell
    last = by_cell["1", "q2"]
    assert last["answer_attribution"] == ([] if kind == "text" else by_cell["0", "q2"]["answer_attribution"])
    if kind == "scores":
        assert json.loads(right["metadata"]["scores"]) == [-0.5, -1.25]


def test_hash_is_that_of_compact_json_with_sorted_keys() -> None:
    assert sample_hash("q", ["a"]) == hashlib.sha256(b'{"raw":"q","reference":["a"]}').hexdigest()
    assert sample_hash("où?", []) == hashlib.sha256('{"raw":"où?","reference":[]}'.encode()).hexdigest()


def test_records_come_back_as_the_answers_that_they_are_of(tmp_path: Path) -> None:
    items, predictions, grades = answers("scores")
    paths = []
    for model in ("org/one", "org/two"):
        path = tmp_path / f"{model.replace('/', '_')}.jsonl"
        paths.append(path)
        records = list(instances(items, predictions, grades, model))
        assert write_instances(iter(records), path) == 4
        grades = grades.assign(correct=~grades["correct"])
    with pytest.raises(UphillError, match="several kinds, expected one evaluation_result_id to be chosen"):
        read_logs(paths, Wanted())
    cell = json.loads(paths[0].read_text().splitlines()[0])["evaluation_result_id"]
    panel = read_logs(paths, Wanted(filter=cell))
    assert table(panel) == {"org/one": {"q1": 1, "q2": 0}, "org/two": {"q1": 0, "q2": 1}}


def record(item: str | None, right: Any = True, **more: Any) -> Row:
    return {
        "schema_version": "0.2.2",
        "model_id": "org/one",
        "sample_id": item,
        "input": {"raw": f"what is {item}?", "reference": ["a"]},
        "evaluation": {"score": 1.0, "is_correct": right},
        **more,
    }


def test_an_error_of_the_run_is_a_missing_answer(tmp_path: Path) -> None:
    rows = [record("q1"), record("q2", False), record("q3", False, error="timeout"), record("q1", model_id="two")]
    panel = read_logs([logged(tmp_path, "x", rows)], Wanted())
    assert table(panel) == {"org/one": {"q1": 1, "q2": 0}, "two": {"q1": 1}}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([record("q1", model_id="")], "line 1: model_id is '', expected the name of a model"),
        ([record("q1", 1)], "line 1: evaluation.is_correct is 1, expected true or false"),
        ([record("q1"), record("q1")], "'org/one' answers item 'q1' twice"),
        ([record(None)], "none of 1 lines has sample_id"),
        (
            [record("q1"), record("q1", model_id="two", input={"raw": "else?", "reference": ["a"]})],
            "line 2: item 'q1' is another question than in .*: line 1, expected ids that mean the same in all files",
        ),
    ],
)
def test_bad_records_are_refused_in_one_line(tmp_path: Path, rows: list[Row], message: str) -> None:
    with pytest.raises(UphillError, match=message):
        read_logs([logged(tmp_path, "x", rows)], Wanted())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda items, rows, grades: (items, rows, grades[1:]),
            "the answer to item 'q1' has no grade, expected",
        ),
        (lambda items, rows, grades: (items, rows[1:], grades), "the answer to item 'q1' is graded and not there"),
        (lambda items, rows, grades: (items[1:], rows, grades), "the answer to item 'q1' has no item"),
    ],
)
def test_answers_and_grades_that_do_not_match_are_refused(change: Any, message: str) -> None:
    with pytest.raises(UphillError, match=message):
        list(instances(*change(*answers("text")), "m"))


def test_records_are_written_whole_under_their_own_name(tmp_path: Path) -> None:
    with pytest.raises(UphillError, match=r"JSON lines, expected a name that ends in \.jsonl"):
        write_instances(iter([]), tmp_path / "x.json")
