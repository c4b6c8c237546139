"""Every published file as a config loads it: exact counts, and what grades its items, right answers and wrong ones.

The files are in the folder that `UPHILL_DATA` names, or in `../shared/data`; without them these tests are skipped.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from uphill import registry
from uphill.datasets import file
from uphill.datasets.items import make_items
from uphill.errors import UphillError
from uphill.grading import bbh, number
from uphill.grading.grade import Grade, Item, Output
from uphill.grading.stage import grader
from uphill.grading.stage import item as as_item
from uphill.hardness.answer_matrix import read_matrix
from uphill.schemas.items import ITEMS

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data"))
FOLDERS = ("arc", "bbh", "gsm8k", "hotpotqa", "ifeval", "mmlu_pro", "mmlu_stem", "strategyqa")

pytestmark = pytest.mark.skipif(
    not all((DATA / folder).is_dir() for folder in FOLDERS),
    reason=f"no published files in {DATA}, expected {', '.join(FOLDERS)} there (set UPHILL_DATA)",
)

TASKS = sorted({*bbh.KINDS, *bbh.LETTERED})
DATASETS = f"""
arc_easy: {{source: {{kind: ai2_arc, folder: arc, annotated: false, subsets: [ARC-Easy]}}, grader: {{kind: choice}}}}
arc_challenge:
  source: {{kind: ai2_arc, folder: arc, annotated: false, subsets: [ARC-Challenge]}}
  grader: {{kind: choice}}
arc_challenge_test:
  source: {{kind: ai2_arc, folder: arc, annotated: false, subsets: [ARC-Challenge], splits: [test]}}
  grader: {{kind: letter}}
arc_graded: {{source: {{kind: ai2_arc, folder: arc}}, grader: {{kind: choice}}}}
arc_graded_challenge: {{source: {{kind: ai2_arc, folder: arc, subsets: [ARC-Challenge]}}, grader: {{kind: choice}}}}
mmlu: {{source: {{kind: mmlu_stem5, folder: mmlu_stem}}, grader: {{kind: choice, norm: tokens}}}}
mmlu_examples: {{source: {{kind: mmlu_stem5, folder: mmlu_stem, splits: [dev]}}, grader: {{kind: letter}}}}
mmlu_physics:
  source: {{kind: mmlu_stem5, folder: mmlu_stem, subjects: [physics], schools: [college]}}
  grader: {{kind: letter}}
strategyqa: {{source: {{kind: strategyqa, folder: strategyqa}}, grader: {{kind: stated}}}}
strategyqa_dev: {{source: {{kind: strategyqa, folder: strategyqa, splits: [dev]}}, grader: {{kind: choice}}}}
gsm8k: {{source: {{kind: gsm8k, folder: gsm8k}}, grader: {{kind: number}}}}
gsm8k_test: {{source: {{kind: gsm8k, folder: gsm8k, splits: [test]}}, grader: {{kind: number, protocol: marker}}}}
gsm8k_by_columns:
  source: {{kind: file, path: gsm8k/test.jsonl, item_id: null, choices: null, answer_after: "####"}}
  grader: {{kind: stated}}
gsm8k_solutions:
  source:
    {{kind: file, path: gsm8k/example_model_solutions.jsonl, item_id: null, choices: null, answer: ground_truth,
     answer_after: "\\nA: "}}
  grader: {{kind: number}}
mmlu_pro:
  source:
    {{kind: file, path: mmlu_pro/mmlu_pro_test.jsonl, item_id: question_id, choices: options, answer: answer,
     answer_is: letter}}
  grader: {{kind: letter}}
bbh:
  source:
    {{kind: file, path: "bbh/{{config}}.json", configs: {json.dumps(TASKS)}, rows: examples, item_id: null,
     question: input, choices: null, answer: target}}
  grader: {{kind: bbh}}
hotpotqa:
  source: {{kind: file, path: hotpotqa/hotpot_dev_v1_simplified.json, item_id: null, choices: null}}
  grader: {{kind: span}}
ifeval:
  source: {{kind: file, path: ifeval/input_data.jsonl, item_id: key, question: prompt, choices: null, answer: null}}
  grader: {{kind: ifeval}}
"""
COUNTS = {
    **{"arc_easy": 5197, "arc_challenge": 2590, "arc_challenge_test": 1172},
    **{"arc_graded": 4521, "arc_graded_challenge": 1571},
    **{"mmlu": 1746, "mmlu_examples": 50, "mmlu_physics": 113, "strategyqa": 2290, "strategyqa_dev": 229},
    **{"gsm8k": 8792, "gsm8k_test": 1319, "gsm8k_by_columns": 1319, "gsm8k_solutions": 1319},
    **{"mmlu_pro": 12032, "bbh": 6511, "hotpotqa": 7405, "ifeval": 541},
}


def entry(name: str) -> dict[str, Any]:
    """A dataset's entry, its files where they are."""
    found = yaml.safe_load(DATASETS)[name]
    for key in {"folder", "path"} & set(found["source"]):
        found["source"][key] = str(DATA / found["source"][key])
    return found


@cache
def items(name: str) -> pd.DataFrame:
    source = entry(name)["source"]
    kind = source.pop("kind")
    return make_items({"kind": kind, "source": source, "dataset": name, "pools": {"hardness": 0}, "seed": 0})


@cache
def rows(name: str) -> list[Item]:
    """Every item as a grader sees it, behind the contract of the item table."""
    return [as_item(row) for row in ITEMS.to_arrow(items(name), name).to_pylist()]


def graded(name: str) -> Callable[[Item, Output], Grade]:
    kind, *_ = (own := entry(name)["grader"]).values()
    return grader({"grader": kind, "settings": {key: value for key, value in own.items() if key != "kind"}})


@pytest.mark.parametrize("name", COUNTS)
def test_every_item_is_there(name: str) -> None:
    assert len(items(name)) == COUNTS[name]
    assert items(name)["item_id"].is_unique


def test_every_file_is_loaded_by_some_entry() -> None:
    read = {path.relative_to(DATA) for name in COUNTS for path in settings(name).files}
    there = {path.relative_to(DATA) for path in DATA.rglob("*.*") if path.is_file()}
    others = {Path("mmlu_pro/mmlu_pro_item_by_model.csv")}  # which models answered what; below
    assert {path for path in there - read - others if path.suffix in (".json", ".jsonl", ".csv")} == set()


def settings(name: str) -> Any:
    source = entry(name)["source"]
    module = registry.load("uphill.datasets", source.pop("kind"), "load")
    return registry.settings_of(module, source)


# -- graded ----------------------------------------------------------------------------------------------------------


def scores(item: Item, right: bool) -> Output:
    """One choice is likelier than all others, by text or by length."""
    place = item.answer_idx if right else (item.answer_idx + 1) % len(item.choices)
    return Output(
        scores=[-1.0 if place == one else -90.0 for one in range(len(item.choices))],
        n_tokens=[1 + one for one in range(len(item.choices))],
    )


def letter(item: Item, right: bool) -> Output:
    place = item.answer_idx if right else (item.answer_idx + 1) % len(item.choices)
    return Output(text=f"Let me think.\nThe answer is ({'ABCDEFGHIJ'[place]}).")


def announced(item: Item, right: bool) -> Output:
    return Output(
        text=f"The answer is {item.answer_text if right else WRONG_WORDS.get(item.answer_text, '987654321')}."
    )


WRONG_WORDS = {"yes": "no", "no": "yes", "Yes": "No", "No": "Yes", "True": "False", "False": "True",
               "valid": "invalid", "invalid": "valid"}  # fmt: skip


def alone(item: Item, right: bool) -> Output:
    return Output(text=item.answer_text if right else f"not {item.answer_text}")


def marked(item: Item, right: bool) -> Output:
    return Output(text=f"It is 3, then 5.\n#### {item.answer_text}{'' if right else '1'}")


def sub_task(item: Item, right: bool) -> Output:
    return Output(text=f"So the answer is {item.answer_text if right else _other(item.answer_text)}")


def _other(gold: str) -> str:
    """An answer of the same kind."""
    if re.fullmatch(r"-?\d+", gold):
        return str(int(gold) + 1)
    lettered = {"(A)": "(B)"}.get(gold, "(A)" if re.fullmatch(r"\([A-Z]\)", gold) else None)
    return lettered or WRONG_WORDS.get(gold) or f"{gold} {'>' if set(gold) <= set('[](){}<> ') else 'zebra'}"


SAID: dict[str, Callable[[Item, bool], Output]] = {
    **dict.fromkeys(("arc_easy", "arc_challenge", "arc_graded", "arc_graded_challenge"), scores),
    **dict.fromkeys(("mmlu", "strategyqa_dev"), scores),
    **dict.fromkeys(("arc_challenge_test", "mmlu_examples", "mmlu_physics", "mmlu_pro"), letter),
    **dict.fromkeys(("strategyqa", "gsm8k", "gsm8k_by_columns", "gsm8k_solutions"), announced),
    **{"gsm8k_test": marked, "bbh": sub_task, "hotpotqa": alone},
}


@pytest.mark.parametrize("name", [name for name in COUNTS if name != "ifeval"])
def test_right_answers_are_right_and_others_wrong(name: str) -> None:
    grade = graded(name)
    failed = [item for item in rows(name) if not grade(item, SAID[name](item, True)).correct]
    passed = [item for item in rows(name) if grade(item, SAID[name](item, False)).correct]
    assert (failed, passed) == ([], [])


# -- MMLU-Pro --------------------------------------------------------------------------------------------------------


def test_mmlu_pro_has_three_to_ten_options() -> None:
    assert Counter(len(item.choices) for item in rows("mmlu_pro")) == {
        **{3: 20, 4: 607, 5: 52, 6: 92},
        **{7: 158, 8: 320, 9: 801, 10: 9982},
    }


def test_one_item_of_mmlu_pro_tells_two_answers() -> None:
    """By letter and by place; all others agree."""
    place = file.Settings.model_validate(
        {"path": DATA / "mmlu_pro/mmlu_pro_test.jsonl", "item_id": "question_id", "choices": "options"}
        | {"answer": "answer_index", "answer_is": "index"}
    )
    by_place, by_letter = (frame.set_index("item_id")["answer_idx"] for frame in (file.load(place), items("mmlu_pro")))
    assert by_place.index[by_place != by_letter.loc[by_place.index]].tolist() == ["3983"]


def test_mmlu_pro_was_answered_by_the_models_of_its_matrix() -> None:
    path = DATA / "mmlu_pro/mmlu_pro_item_by_model.csv"
    matrix = read_matrix(path, "question_id", ["category", "src"])
    assert (len(matrix.models), len(matrix.item_ids)) == (29, 12032)
    assert set(matrix.item_ids) == set(items("mmlu_pro")["item_id"])


# -- BBH -------------------------------------------------------------------------------------------------------------


def test_bbh_has_the_published_sizes() -> None:
    sizes = Counter(items("bbh")["config"])
    assert len(sizes) == 27
    assert {task: size for task, size in sizes.items() if size != 250} == {
        **{"causal_judgement": 187, "penguins_in_a_table": 146, "snarks": 178}
    }


def test_bbh_has_three_lettered_items_without_a_letter() -> None:
    lettered = items("bbh").query("config in @bbh.LETTERED")
    odd = lettered[~lettered["answer_text"].str.fullmatch(r"\([A-Z]\)")]["item_id"]
    assert sorted(odd) == ["movie_recommendation/0163", "ruin_names/0099", "ruin_names/0144"]


def test_bbh_has_four_repeated_items_of_which_two_contradict_themselves() -> None:
    repeated = items("bbh")[items("bbh").duplicated(["config", "question"], keep=False)]
    assert sorted(repeated["item_id"]) == [
        *(f"causal_judgement/{number:04d}" for number in (32, 36, 104, 119)),
        *(f"sports_understanding/{number:04d}" for number in (27, 80, 155, 227)),
    ]
    answers = repeated.groupby(["config", "question"])["answer_text"].nunique()
    assert sorted(answers) == [1, 1, 2, 2]
    assert set(answers[answers == 2].index.get_level_values("config")) == {"causal_judgement"}


# -- GSM8K -----------------------------------------------------------------------------------------------------------


def test_gsm8k_by_columns_is_what_its_own_reader_reads() -> None:
    own, by_columns = items("gsm8k_test"), items("gsm8k_by_columns")
    same = ["item_id", "question", "answer_text", "reasoning"]
    pd.testing.assert_frame_equal(own[same], by_columns[same])


def test_solutions_of_four_models_are_graded_as_their_publisher_did() -> None:
    found = items("gsm8k_solutions")
    models = [name for name in found.columns if name.startswith(("6b_", "175b_"))]
    told, grades = [], []
    for model in models:
        for cell, answer in zip(found[model], found["answer_text"], strict=True):
            solution = json.loads(cell)
            told.append(solution["is_correct"])
            grades.append(number.grade(number.Settings(), Item(answer_text=answer), Output(text=solution["solution"])))
    assert (len(models), len(told), sum(told)) == (4, 5276, 2001)
    assert [grade.correct for grade in grades] == told


# -- HotpotQA --------------------------------------------------------------------------------------------------------


def test_hotpotqa_keeps_the_type_of_its_questions() -> None:
    assert Counter(items("hotpotqa")["type"]) == {"bridge": 5918, "comparison": 1487}
    grade = graded("hotpotqa")
    grades = [grade(item, announced(item, True)) for item in rows("hotpotqa")]
    assert {(grade.correct, grade.f1) for grade in grades} == {(True, 1)}


# -- IFEval ----------------------------------------------------------------------------------------------------------


def times(text: str, count: int) -> str:
    return " ".join([text] * count)


def as_often(text: str, count: int, relation: str) -> tuple[str, str]:
    """Texts that hold to a relation and that do not."""
    enough, short = times(text, count), times(text, count - 1)
    return (enough, short) if relation == "at least" else (short, enough)


FOLLOWED: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "punctuation:no_comma": lambda _: ("Fine.", "Fine, thanks."),
    "change_case:english_lowercase": lambda _: ("all of this is said in small letters.", "All of this is said Big."),
    "change_case:english_capital": lambda _: ("ALL OF THIS IS SAID IN CAPITAL LETTERS.", "all of this is said small."),
    "startend:quotation": lambda _: ('"So it is."', "So it is."),
    "startend:end_checker": lambda given: (f"So it is. {given['end_phrase']}", "So it is."),
    "detectable_format:title": lambda _: ("<<So it is>>\nWell.", "So it is\nWell."),
    "detectable_format:json_format": lambda _: ('{"a": 1}', "a: 1"),
    "detectable_format:number_bullet_lists": lambda given: (
        "\n".join(["* so"] * given["num_bullets"]),
        "\n".join(["* so"] * (given["num_bullets"] + 1)),
    ),
    "detectable_format:number_highlighted_sections": lambda given: as_often(
        "*so*", given["num_highlights"], "at least"
    ),
    "detectable_content:number_placeholders": lambda given: as_often("[so]", given["num_placeholders"], "at least"),
    "detectable_content:postscript": lambda given: (f"So it is.\n{given['postscript_marker']} Well.", "So it is."),
    "keywords:existence": lambda given: (" ".join(given["keywords"]), "so"),
    "keywords:forbidden_words": lambda given: ("so", given["forbidden_words"][0]),
    "keywords:frequency": lambda given: as_often(given["keyword"], given["frequency"], given["relation"]),
    "length_constraints:number_words": lambda given: as_often("so", given["num_words"], given["relation"]),
}


def test_ifeval_keeps_every_instruction_and_its_parameters() -> None:
    found = items("ifeval")
    names = found["instruction_id_list"].map(json.loads)
    parameters = found["kwargs"].map(json.loads)
    assert (names.map(len) == parameters.map(len)).all()
    assert sum(names.map(len)) == 834
    assert (found["answer_text"] == "").all()
    raw = {}
    for line in (DATA / "ifeval/input_data.jsonl").read_text().splitlines():
        row = json.loads(line)
        raw[str(row["key"])] = (row["instruction_id_list"], row["kwargs"])
    assert {row.item_id: (names[row.Index], parameters[row.Index]) for row in found.itertuples()} == raw


def test_ifeval_an_empty_text_follows_nothing() -> None:
    pytest.importorskip("lm_eval")
    grade = graded("ifeval")
    assert not any(grade(item, Output(text=" ")).correct for item in rows("ifeval"))


def test_ifeval_texts_made_to_follow_one_instruction_do_and_others_do_not() -> None:
    pytest.importorskip("lm_eval")
    grade, seen = graded("ifeval"), Counter()
    for item in rows("ifeval"):
        [name, *others], [given, *_] = (json.loads(item.metadata[key]) for key in ("instruction_id_list", "kwargs"))
        if others or name not in FOLLOWED:
            continue
        right, wrong = FOLLOWED[name](given)
        found = [grade(item, Output(text=text)).correct for text in (right, wrong)]
        assert found == [True, False], (item.question, given)
        seen[name] += 1
    assert (len(seen), seen.total() > 100) == (len(FOLLOWED), True)


# -- the sets of config/cross_difficulty.yaml ------------------------------------------------------------------------

PUBLISHED = {"arc_challenge": 1172, "gsm8k_test": 1319, "mmlu_pro": 12032, "bbh": 5250, "ifeval": 541}
LOCAL = {"arc_challenge": "arc", "gsm8k_test": "gsm8k"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_sets_of_the_cross_difficulty_study_have_the_published_sizes(name: str) -> None:
    source = yaml.safe_load((ROOT / "config/cross_difficulty.yaml").read_text())["datasets"][name]["source"]
    if name in LOCAL:
        del source["revision"]
        source["folder"] = str(DATA / LOCAL[name])
    else:
        source["path"] = str(DATA / Path(source["path"]).relative_to("data"))
    kind = source.pop("kind")
    settings = {"kind": kind, "source": source, "dataset": name, "pools": {"hardness": 0}, "seed": 0}
    assert len(make_items(settings)) == PUBLISHED[name]


# -- a part that is not there ----------------------------------------------------------------------------------------


def test_a_missing_sub_task_is_named() -> None:
    source = entry("bbh")["source"] | {"configs": ["boolean_expressions", "no_such_task"]}
    source.pop("kind")
    with pytest.raises(UphillError, match=r"no_such_task\.json"):
        file.load(file.Settings.model_validate(source))
