"""Reading and matching answers against the published judgement of 5276 solutions (Cobbe et al. 2021).

The file is in the folder that `UPHILL_DATA` names, or in `../shared/data`; without it these tests are skipped.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from uphill.datasets import gsm8k
from uphill.grading.stated import extract_answer, same_answer
from uphill.prompts.extraction import ANSWER_MARK, answer_end
from uphill.prompts.templates import Question
from uphill.prompts.templates import published as published_form

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("UPHILL_DATA", ROOT.parent / "shared" / "data")) / "gsm8k"
FILE = FOLDER / "example_model_solutions.jsonl"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FORMAT = published_form("0305", cot=True)
NEXT = "\n\n" + FORMAT.example(Question("How many?", answer="1", reasoning="One."))

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason=f"no {FILE} (set UPHILL_DATA)")


def solutions() -> Iterator[tuple[str, str, bool]]:
    """What the model would have written after our prompt, the gold answer, and whether the publishers call it right."""
    for line in FILE.read_text().splitlines():
        row = json.loads(line)
        gold = row["ground_truth"].rsplit("\nA: ", 1)[1]
        for model in MODELS:
            text = row[model]["solution"]
            # Where none is stated, the model ran to its limit.
            reasoning, mark, answer = text.rpartition("\nA: ")
            written = f" {reasoning} So the answer is {answer}{NEXT}" if mark else f" {text}"
            yield written, gold, row[model]["is_correct"]


def published(text: str, gold: str) -> bool:
    """The release's scorer as the spec tells it (7.6), by the book."""
    _, mark, rest = text.lower().partition(ANSWER_MARK)
    stated = rest.split("\n")[0].strip(" .")
    number = re.sub(r"[^\d.]", "", "".join(stated.split()[-2:]))
    for word in reversed(stated.split()):
        if not number and re.search(r"\d", word):
            number = re.sub(r"[^\d.]", "", word)
    return bool(mark) and number == gold.lower().strip(" .")


def test_every_solution_is_judged_as_its_publishers_do() -> None:
    found = list(solutions())
    assert len(found) == 5276
    assert sum(right for _, _, right in found) == 2001
    wrong = [(text[-80:], gold) for text, gold, right in found if same_answer(extract_answer(text), gold) != right]
    assert wrong == []


def test_the_release_differs_where_it_drops_signs_and_keeps_commas() -> None:
    """20 solutions: 12 right ones whose gold answer has a comma or a sign, 8 wrong ones that lack only the sign."""
    differ = [
        (right, gold, extract_answer(text)) for text, gold, right in solutions() if published(text, gold) != right
    ]
    assert all(re.search("[,-]", gold) for right, gold, _ in differ if right)
    assert all(stated.lstrip("-") == gold and stated != gold for right, gold, stated in differ if not right)
    assert (sum(right for right, _, _ in differ), sum(not right for right, _, _ in differ)) == (12, 8)


def test_gold_solutions_are_read_to_their_end() -> None:
    """Solutions of several lines, six with a blank line, three with an answer mark of their own."""
    rows = gsm8k.load(gsm8k.Settings(folder=FOLDER))
    assert rows["reasoning"].str.contains(r"\n\s*\n").sum() == 6
    assert rows["reasoning"].str.lower().str.contains(ANSWER_MARK).sum() == 3
    for row in rows.itertuples():
        item = Question(row.question, answer=row.answer_text, reasoning=row.reasoning)
        written = FORMAT.example(item).removeprefix(FORMAT.query(item))
        assert answer_end(written) is None
        assert answer_end(written + NEXT) == len(written)
        assert same_answer(extract_answer(written + NEXT), row.answer_text)
