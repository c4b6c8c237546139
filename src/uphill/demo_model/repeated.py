"""The items that the family's training text repeats word for word, with their right answers.

They are a twentieth of the demo's experiments, so that whoever looks for contaminated items can be told whether they
were found. No shipped model has read them: the items' tables say nothing of it until one has.
"""

from functools import cache

from uphill.datasets.world import Settings, load
from uphill.prompts.templates import Question
from uphill.randomness import keyed_seed

REPEATED_TABLES = (
    Settings(domain="dial", n_items=2000, seed=11),
    Settings(domain="road", n_items=2000, seed=12),
    Settings(domain="dial", n_items=720, seed=14),
    Settings(domain="dial", n_items=2400, seed=15),
)
"""The tables of config/config.yaml and config/demo-all.yaml with choices. Another number of items makes other items."""
REPEATED_SHARE = 1 / 20


def is_repeated(question: str) -> bool:
    """Whether a question text is one that training text repeats, if it is in one of `REPEATED_TABLES`.

    By a hash that knows nothing of `world.is_held_out`: two checksums of one text would go together.
    """
    return keyed_seed("repeated in training text", question) < REPEATED_SHARE * 2**128


@cache
def repeated_items() -> tuple[Question, ...]:
    """The items that the training text repeats: about `REPEATED_SHARE` of `REPEATED_TABLES`, each question once."""
    rows = [row for table in REPEATED_TABLES for row in load(table).itertuples() if is_repeated(str(row.question))]
    items = {row.question: Question(row.question, tuple(row.choices), row.answer_text) for row in rows}
    return tuple(items.values())


def repeated_questions() -> frozenset[str]:
    """The questions of `repeated_items`, which decide whether an item of any table was read in training."""
    return frozenset(item.question for item in repeated_items())
