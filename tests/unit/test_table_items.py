"""What a table takes from item tables: the accuracy of a blind guess, and which items belong together."""

from pathlib import Path

import pandas as pd
import pytest

from uphill.errors import UphillError
from uphill.schemas.files import write
from uphill.schemas.items import ITEMS
from uphill.tables.predictions import read_chance, read_clusters


@pytest.fixture
def questions(tmp_path: Path) -> dict[str, str]:
    """Item tables of a dataset with choices and of one without, with the identity that each records."""
    rows = pd.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "question": ["q"] * 3,
            "choices": [["x", "y"], ["x", "y", "z", "w"], ["x", "y"]],
            "answer_idx": pd.array([0, 1, 1], dtype="Int64"),
            "answer_text": ["x", "y", "y"],
            "reasoning": [""] * 3,
            "pool": ["experiment"] * 3,
            "passage": [7, 7, 8],
            "template": ["one", None, "one"],
        }
    )
    written = rows.assign(choices=[[]] * 3, answer_idx=pd.array([None] * 3, dtype="Int64"))
    for name, table in (("arc", rows), ("gsm8k", written)):
        write(table, tmp_path / f"{name}.parquet", ITEMS, {"id": name})
    return {str(tmp_path / f"{name}.parquet"): name for name in ("arc", "gsm8k")}


def test_chance_is_one_of_the_choices_and_nothing_where_answers_are_written(questions: dict[str, str]) -> None:
    assert read_chance(questions) == {"arc": {"a": 0.5, "b": 0.25, "c": 0.5}, "gsm8k": {}}


def test_clusters_are_texts_of_a_column_by_item(questions: dict[str, str]) -> None:
    assert read_clusters(questions, {"arc": "passage"}) == {"arc": {"a": "7", "b": "7", "c": "8"}}
    assert read_clusters(questions, {}) == {}


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("topic", r"datasets\.arc\.cluster: .*arc\.parquet has no column 'topic', expected one of \['item_id'"),
        ("template", r"datasets\.arc\.cluster: item 'b' has no template, expected one of every item"),
    ],
)
def test_a_column_that_names_no_cluster_of_each_item_is_refused(
    questions: dict[str, str], column: str, message: str
) -> None:
    with pytest.raises(UphillError, match=message):
        read_clusters(questions, {"arc": column})
