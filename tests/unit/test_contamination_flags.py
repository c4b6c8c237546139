"""Flags from a file and n-gram overlap: what is found, whatever the file's form, and what is no answer refused."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from uphill.datasets import world
from uphill.datasets.words import words
from uphill.demo_model.sample import sample
from uphill.errors import UphillError
from uphill.hardness import flags, ngram_overlap
from uphill.hardness.data import Graded, HardnessData
from uphill.report.cautions import cautions
from uphill.running import noting
from uphill.schemas.files import read, write
from uphill.schemas.measures import MEASURE


def data_of(questions: dict[str, str]) -> HardnessData:
    items = pd.DataFrame({"question": questions, "pool": "experiment"}).rename_axis("item_id")
    return HardnessData(Graded("d", (), False, 0), items, 0)


def flagged(folder: Path, rows: Sequence[dict[str, Any]], name: str = "f.jsonl", **more: Any) -> dict[str, float]:
    path = folder / name
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path, index=False)
    else:
        pd.DataFrame(rows).to_csv(path, index=False)
    settings = flags.Settings(dataset="d", path=path, flag="seen", **more)
    write(flags.measure("leaked", settings, data_of({"b": "?", "a": "?"})), folder / "m.parquet", MEASURE)
    found = read(folder / "m.parquet", MEASURE)
    assert set(zip(found["variable"], found["kind"], strict=True)) == {("leaked", "flag")}
    return dict(zip(found["item_id"], found["value"], strict=True))


ROWS = [{"item_id": "b", "seen": True}, {"item_id": "a", "seen": False}, {"item_id": "other", "seen": True}]


@pytest.mark.parametrize("name", ["f.jsonl", "f.csv", "f.parquet"])
def test_flags_are_joined_by_id(tmp_path: Path, name: str) -> None:
    assert flagged(tmp_path, ROWS, name) == {"a": 0.0, "b": 1.0}


def test_words_and_numbers_are_flags(tmp_path: Path) -> None:
    rows = [{"item_id": "a", "seen": "Yes"}, {"item_id": "b", "seen": 0.25}, {"item_id": "a", "seen": 1}]
    assert flagged(tmp_path, rows) == {"a": 1.0, "b": 0.25}


def test_items_that_a_list_of_flagged_ones_leaves_out_are_counted_in_words(tmp_path: Path) -> None:
    noting.forget()
    assert flagged(tmp_path, ROWS[:1], others="unflagged") == {"a": 0.0, "b": 1.0}
    noted = noting.noted()
    noting.forget()
    [caution] = cautions({}, noted)
    assert caution.title == "Items that a file of flags does not name"
    assert caution.cases == ["leaked of d: 1 of 2 items."]


@pytest.mark.parametrize(
    ("rows", "more", "said"),
    [
        (ROWS[:1], {}, "no seen of item 'a', expected one of every item of dataset 'd' (1 of 2 items (50.0 %) have"),
        ([*ROWS, {"item_id": "a", "seen": None}, {"item_id": "a", "seen": True}], {}, "row 5: item 'a' has 1 here and"),
        ([{"item_id": "a", "seen": "perhaps"}], {}, "row 1: seen is 'perhaps', expected true or false, or a number"),
        ([{"item_id": "a", "seen": 2}], {}, "row 1: seen is 2, expected"),
        ([{"item_id": "", "seen": 1}], {}, "row 1: item_id is empty"),
        (ROWS[2:], {"others": "unflagged"}, "no item_id is one of the 2 items of dataset 'd', such as 'b', expected"),
        ([{"id": "a", "seen": 1}], {}, "no column 'item_id', found id, seen"),
    ],
)
def test_what_is_no_flag_is_refused(tmp_path: Path, rows: Any, more: Any, said: str) -> None:
    with pytest.raises(UphillError, match=re.escape(said)):
        flagged(tmp_path, rows, **more)


SAMPLE = Path(__file__).parents[2] / "resources/demo-text"
SENTENCE = "The “old” ﬁsherman — who’d caught 3.5 kg — sold his catch at the quiet harbour before noon"
WRITTEN = 'the "old"  fisherman\u00a0-- who\'d caught 3.5 kg, sold HIS catch at the\nquiet harbour; before noon'
BOILERPLATE = "Construct a complete truth table for the following argument and then say whether it is valid"


def overlap(folder: Path, questions: dict[str, str], *texts: str, **settings: Any) -> pd.DataFrame:
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    rows = ngram_overlap.measure("seen", ngram_overlap.Settings(folder=folder, **settings), data_of(questions))
    return rows.set_index("item_id")


def test_quotes_spaces_and_letters_of_another_kind_make_no_difference(tmp_path: Path) -> None:
    found = overlap(tmp_path, {"a": SENTENCE, "b": SENTENCE.replace("harbour", "market")}, f"So {WRITTEN}, he said.")
    assert found["value"].to_dict() == {"a": 1.0, "b": 0.5}
    assert set(found["ngrams"]) == {6}
    assert found.loc["b", "matched"].startswith("the old fisherman who d caught 3 5 kg")


def test_what_many_items_share_is_no_match(tmp_path: Path) -> None:
    own = {f"i{n}": f"{BOILERPLATE} {n} {'x' * n} more words that nobody else has {n}" for n in range(4)}
    text = BOILERPLATE + " or not"
    assert (overlap(tmp_path, own, text)["value"] > 0).all()
    assert (overlap(tmp_path, own, text, most_items=3)["value"] == 0).all()


def test_a_short_question_is_found_whole_or_not_at_all(tmp_path: Path) -> None:
    found = overlap(tmp_path, {"a": "Who wrote Emma?", "b": "Who wrote Evelina?"}, "ask: who wrote\n Emma", n=13)
    assert found["value"].to_dict() == {"a": 1.0, "b": 0.0}
    assert found["ngrams"].tolist() == [1, 1]
    # A document ends with its file.
    apart = overlap(tmp_path, {"a": "Who wrote Emma?"}, "who wrote", "Emma")
    assert apart["value"].to_dict() == {"a": 0.0}


def test_blocks_cut_no_word_no_letter_and_no_match(tmp_path: Path) -> None:
    text = "Zuerst: ein Übergrößenträger läuft —\u2003schnell– über die Brücke. Dann naïve, 東京 và Hà Nội! Ende"
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode())
    said = words(text)
    every = {tuple(said[start : start + n]) for n in (1, 4, 7) for start in range(len(said) - n + 1)}
    wanted = every | {("brücke", "zuerst"), ("über", "brücke", "die", "dann"), ("ende", "ende")}
    for block in range(1, 201):
        assert ngram_overlap.search([path], wanted, block) == every


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (None, b"", "expected .txt files alone, and one or more"),
        ("text.jsonl", b"{}", "text.jsonl: expected .txt files alone"),
        ("text.txt", b"caf\xe9 noir", "text.txt: byte 0xe9 is not UTF-8, expected text in it"),
        ("text.txt", b"caf\xc3", "text.txt: byte 0xc3 is not UTF-8"),
    ],
)
def test_what_would_not_be_read_is_refused(tmp_path: Path, name: str | None, content: bytes, said: str) -> None:
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UphillError, match=re.escape(said)):
        overlap(tmp_path, {"a": SENTENCE})
    with pytest.raises(UphillError, match="no such folder"):
        _ = ngram_overlap.Settings(folder=tmp_path / "none").files
    with pytest.raises(UphillError, match="item 'a': the question has no letter or digit"):
        ngram_overlap.grams_of(pd.Series({"a": "?!"}), 13, 10)


def test_copies_in_a_sample_of_training_text_are_found_and_nothing_else() -> None:
    """Half of the items that the demo models read are in it."""
    text = (SAMPLE / "sample.txt").read_text()
    assert text == sample()
    items = world.load(world.Settings(domain="dial", n_items=2000, seed=11)).set_index("item_id")
    rows = ngram_overlap.measure("seen", ngram_overlap.Settings(folder=SAMPLE), data_of(dict(items["question"])))
    found, copied = rows.set_index("item_id")["value"], items["question"].map(lambda question: question in text)
    assert (found == 1.0).to_dict() == copied.to_dict()
    # Sentences are few in this world, and some sequences of them occur twice.
    assert found[~copied].max() < 0.5
    read = items["in_training_text"]
    assert read[copied].all()
    assert 0.3 < copied[read].mean() < 0.7
