"""The items that training text repeats word for word, with their right answers, as prompts and tables have them.

Which they are is said by `uphill.datasets.world`, and for an items' table by its column `in_training_text`.
"""

from functools import cache

from uphill.datasets.world import repeated
from uphill.prompts.templates import Question


@cache
def repeated_items() -> tuple[Question, ...]:
    """The repeated items, each question once."""
    return tuple(Question(item.question, tuple(map(str, item.choices)), str(item.truth)) for item in repeated())
