"""What a file's columns hold, guessed from their names and cells; where that is not clear, nobody guesses."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from uphill.datasets import lists
from uphill.datasets.answers import LETTERS
from uphill.datasets.cells import NoText, as_text, is_blank
from uphill.datasets.raw_files import Records, listed
from uphill.datasets.sources import BadRow
from uphill.errors import UphillError

IDS = ("item_id", "id", "key", "uid", "qid", "question_id", "no", "nr", "number")
QUESTIONS = ("question", "questions", "question_text", "prompt", "stem", "query", "problem", "input", "text")
CHOICES = ("choices", "options", "endings", "candidates")
ANSWERS = (
    *("answer", "answer_key", "answerkey", "gold", "gold_answer", "correct_answer", "correct_choice", "correct_option"),
    *("right_answer", "right", "correct", "label", "target", "key", "solution"),
)
SOLUTIONS = ("reasoning", "rationale", "explanation", "solution", "worked_solution")
GRADES = (
    *("grade", "grade_level", "difficulty", "level", "hardness", "bloom", "num_steps", "steps", "year", "school_year"),
    *("age", "rating"),
)
CHOICE_EACH = re.compile(r"(?:choice|option|answer|ending|opt)_?([a-z]|[0-9]+)")
"""A column of one choice."""
FEWEST_GRADES = 3
"""Different values that make a column one of grades."""


@dataclass(frozen=True)
class Guess:
    """Which columns hold what, by the names that the file gives them.

    Attributes:
        choices: a column, several, or None where answers are written.
        item_id, reasoning: None for none.
        grades: columns of numbers by which people graded difficulty.
    """

    question: str
    choices: str | list[str] | None
    answer: str
    item_id: str | None = None
    reasoning: str | None = None
    grades: list[str] = field(default_factory=list)


def plain(name: str) -> str:
    """A column's name in small letters, whose words are joined by lines."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def guessed(records: Records, where: str, said: Mapping[str, Any]) -> Guess:
    """What the columns of some rows hold.

    Args:
        records: the rows.
        where: the file, as messages name it.
        said: what the user says of `question`, `choices`, `answer` and `grades`, which is not guessed.

    Raises:
        UphillError: no column, or more than one, may be the question or the answer; or one that is named is not there.
    """
    for column in (name for named in said.values() for name in ([named] if isinstance(named, str) else named)):
        if column not in records.names:
            raise UphillError(f"{where}: no column {column!r}, found {listed(records.names)}")
    question = said.get("question") or _one(records, QUESTIONS, "question", where)
    choices = said.get("choices") or _choices(records)
    taken = {question, *([choices] if isinstance(choices, str) else choices or ())}
    answer = said.get("answer") or _one(records, ANSWERS, "answer", where, taken)
    taken.add(answer)
    return Guess(
        question,
        choices,
        answer,
        item_id=next(_holding(records, IDS, taken, _unique), None),
        reasoning=next(_holding(records, SOLUTIONS, taken, any), None),
        grades=list(said.get("grades") or _holding(records, GRADES, taken, _graded)),
    )


def _cells(records: Records, name: str) -> list[Any]:
    return [row.cells.get(name) for row in records.rows]


def _named(records: Records, known: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Columns of some names, in the order of those names."""
    left = [name for name in records.names if name not in set(taken)]
    return [name for one in known for name in left if plain(name) == one]


def _one(records: Records, known: Sequence[str], what: str, where: str, taken: Iterable[str] = ()) -> str:
    """The column that is called as the first of some names that there are."""
    found = _named(records, known, taken)
    if not found:
        raise UphillError(
            f"{where}: no column is called {known[0]}, {known[1]} or alike, found {listed(records.names)}; "
            f"say which it is: --{what} COLUMN"
        )
    twins = [name for name in found if plain(name) == plain(found[0])]
    if len(twins) > 1:
        raise UphillError(f"{where}: {listed(twins)} may each be the {what}; say which it is: --{what} COLUMN")
    return found[0]


def _choices(records: Records) -> str | list[str] | None:
    """The column of lists, or a column a choice, in order; None where there is no such."""
    for name in _named(records, CHOICES):
        if all(_is_list(cell) for cell in _cells(records, name)):
            return name
    by_letter = {name.strip().upper(): name for name in records.names if len(name.strip()) == 1}
    by_name = {found[1].upper(): name for name in records.names if (found := CHOICE_EACH.fullmatch(plain(name)))}
    for each, orders in ((by_letter, (LETTERS,)), (by_name, (LETTERS, "123456789", "012345678"))):
        for order in orders:
            if len(each) > 1 and sorted(each) == sorted(order[: len(each)]):
                return [each[label] for label in order[: len(each)]]
    return None


def _is_list(cell: Any) -> bool:
    try:
        return len(lists.from_json(cell, "") if isinstance(cell, str) else cell) > 1
    except (BadRow, TypeError, ValueError):
        return False


def _holding(
    records: Records, known: Iterable[str], taken: Iterable[str], fits: Callable[[list[Any]], bool]
) -> Iterator[str]:
    return (name for name in _named(records, known, taken) if fits(_cells(records, name)))


def _unique(cells: list[Any]) -> bool:
    try:
        texts = [as_text(cell) for cell in cells]
    except NoText:
        return False
    return len(set(texts)) == len(texts) and not any(map(is_blank, texts))


def _graded(cells: list[Any]) -> bool:
    """Whether all cells are numbers, and not few different ones."""
    try:
        return len({float(str(cell)) for cell in cells}) >= FEWEST_GRADES
    except ValueError:
        return False
