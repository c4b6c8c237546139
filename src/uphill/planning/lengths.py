"""How long a dataset's texts are: measured where they lie on this machine, else as the published files were."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from uphill.datasets.binary import ASKED, CHOICES
from uphill.datasets.items import make_items
from uphill.datasets.pools import Holds, items_of
from uphill.errors import UphillError
from uphill.prompts.templates import Question
from uphill.schemas.files import read
from uphill.schemas.items import ITEMS
from uphill.schemas.names import EXPERIMENT_POOL, TEST_POOL
from uphill.workflow.stages.items import limit
from uphill.workflow.study import Study

CHARS_PER_TOKEN = 3.3
"""English prose has about 4 to a token of a large model, sums and formulas 2.5 to 3."""


@dataclass(frozen=True)
class Lengths:
    """Mean lengths of a dataset's texts, in characters, and how many items it has.

    Attributes:
        items: of the experiment pool; `pool` of those of hardness models and supervisors; `tested` of the test pool.
        choices: how many an item has; 0 where answers are written.
    """

    items: int
    pool: int
    question: float
    choices: float
    choice: float
    answer: float
    reasoning: float
    tested: int = 0

    @property
    def all(self) -> int:
        """All items, of every pool."""
        return self.items + self.pool + self.tested

    @property
    def question_of(self) -> Question:
        """An item of mean lengths, to be put into prompts."""
        choices = ["c" * round(self.choice)] * round(self.choices)
        return Question("q" * round(self.question), choices, "a" * round(self.answer), "r" * round(self.reasoning))


class NotHereError(UphillError):
    """A dataset whose size nobody knows before its items are made."""


class Sizes(dict[str, Lengths]):
    """Lengths by dataset; one of which nothing is known is a NotHereError."""

    def __missing__(self, dataset: str) -> Lengths:
        raise NotHereError(dataset)


PUBLISHED = {
    "ai2_arc": Lengths(4521, 0, 114.9, 4, 23.2, 23.6, 0),
    "mmlu_stem5": Lengths(1746, 0, 166.5, 4, 28.9, 30.3, 0),
    "strategyqa": Lengths(2290, 0, 56.0, 2, 2.5, 2.5, 176.5),
    "gsm8k": Lengths(8792, 0, 235.3, 0, 0, 2.3, 280.0),
}
"""By the kind of their source, as tests/parity reads them."""


ARC_ITEMS = {
    "ARC-Easy": {"train": 2251, "validation": 570, "test": 2376},
    "ARC-Challenge": {"train": 1119, "validation": 299, "test": 1172},
}
GSM8K_ITEMS = {"train": 7473, "test": 1319}
WHOLE = ("subsets", "splits", "subjects", "schools", "config")
"""Keys of published sources that name parts of them; each names all of them by default."""


def published(kind: str, source: Any) -> Lengths | None:
    """The lengths of a published source, or of a part whose size is published too; None where it is not.

    The mean lengths of a part are taken to be those of the whole.

    Args:
        kind: of the source.
        source: its settings.
    """
    known = PUBLISHED.get(kind)
    if known is None:
        return None
    if kind == "ai2_arc" and not source.annotated:
        return dataclasses.replace(known, items=sum(ARC_ITEMS[a][b] for a in source.subsets for b in source.splits))
    if kind == "gsm8k" and source.config == "main":
        return dataclasses.replace(known, items=sum(GSM8K_ITEMS[split] for split in source.splits))
    fields = type(source).model_fields
    whole = all(getattr(source, key) == fields[key].default for key in WHOLE if key in fields)
    return known if whole else None


def tokens(text: str) -> float:
    """About how many tokens a text is."""
    return len(text) / CHARS_PER_TOKEN


def lengths(study: Study, dataset: str) -> Lengths:
    """A dataset's lengths: of its item table, if it is made; as published; or of a source on this machine.

    Raises:
        NotHereError: it is none of these.
        UphillError: the source is bad.
    """
    entry, job = study.config.datasets[dataset], study.job("items", {"dataset": dataset})
    [path] = job.files
    if Path(path).is_file():
        return measured(read(path, ITEMS))
    kind, source = entry.source["kind"], study.config.source_settings(dataset)
    known, tested = published(kind, source), _tested(kind, source, entry.pools.test)
    if known is not None and tested is not None and entry.pools.question_id is None:
        hardness = items_of(entry.pools.hardness_size, known.items - tested)
        pool = hardness + items_of(entry.pools.supervisor, known.items - tested - hardness)
        # Those that a limit keeps are of each pool about alike.
        kept = min(limit(study, dataset) or known.items, known.items)
        pool, tested = (round(count * kept / known.items) for count in (pool, tested))
        found = dataclasses.replace(known, items=kept - pool - tested, pool=pool, tested=tested)
        return _as_binary(found) if entry.binary else found
    if getattr(source, "remote", False) or not all(file.is_file() for file in getattr(source, "files", ())):
        raise NotHereError(f"dataset {dataset!r}: its size is not known here, expected {path}")
    return measured(make_items(job.settings))


def _tested(kind: str, source: Any, test: Any) -> int | None:
    """Items of the test pool of a published source; None where it is not known how many these are."""
    if test is None:
        return 0
    if not isinstance(test, Holds) or test.column != "split":
        return None
    if kind == "ai2_arc" and not source.annotated:
        return sum(ARC_ITEMS[a][b] for a in source.subsets for b in source.splits if b in test.values)
    if kind == "gsm8k" and source.config == "main":
        return sum(GSM8K_ITEMS[split] for split in source.splits if split in test.values)
    return None


def _as_binary(known: Lengths) -> Lengths:
    """The same items, each asked whether one of its choices is right."""
    shown = len(ASKED.format(question="", answer="")) + known.choice
    word = sum(map(len, CHOICES)) / len(CHOICES)
    question = known.question + shown
    return dataclasses.replace(known, question=question, choices=len(CHOICES), choice=word, answer=word, reasoning=0)


def measured(items: pd.DataFrame) -> Lengths:
    """The lengths of an item table."""
    count = items["choices"].map(len)
    characters = items["choices"].map(lambda choices: sum(map(len, choices)))
    experiment, tested = (int((items["pool"] == pool).sum()) for pool in (EXPERIMENT_POOL, TEST_POOL))
    return Lengths(
        items=experiment,
        pool=len(items) - experiment - tested,
        tested=tested,
        question=float(items["question"].str.len().mean()),
        choices=float(count.mean()),
        choice=float(characters.sum() / max(1, count.sum())),
        answer=float(items["answer_text"].str.len().mean()),
        reasoning=float(items["reasoning"].str.len().mean()),
    )
