"""What a user wrote is what is asked: texts of any kind of file stay as they are written, and what is none is named."""

import gzip
from pathlib import Path

import pytest
from item_files import COMMIT, KINDS, Row, load, write

from uphill.datasets import hub
from uphill.datasets.items import build_items
from uphill.datasets.pools import Pools
from uphill.datasets.raw_files import parse_json
from uphill.errors import UphillError
from uphill.schemas.items import ITEMS

TEXTS = [
    *("007", "0", "-0", "12345678901234567", "123456789012345678901234567890", "5", "5.5", "0.10", "1e5", "1E5", "+5"),
    *("0x10", "1_000", "1,000", ".5", "5.", "TRUE", "True", "false", "inf", "-inf", "Infinity", "nan", "NaN", "NA"),
    *(
        "N/A",
        "None",
        "none",
        "null",
        "NULL",
        "<NA>",
        "#N/A",
        "2020-01-01",
        "1/2/2020",
        "12:30",
        "1st",
        "₂",
        "é",
        "a\u2028b",
    ),
    *(
        "=1+1",
        "@x",
        "'",
        '"',
        'say "hi"',
        "a,b",
        "a;b",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\\n",
        "[1]",
        "{}",
        " padded ",
        "😀",
        "\u00a0x",
    ),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_stays_as_it_is_written(kind: str, tmp_path: Path) -> None:
    rows = [{"item_id": f"x{text}", "question": text, "answer": text, "why": text} for text in TEXTS]
    found = load(write(tmp_path, kind, rows), choices=None, reasoning="why")
    assert found["question"].tolist() == TEXTS
    assert found["answer_text"].tolist() == TEXTS
    assert found["reasoning"].tolist() == TEXTS
    assert found["item_id"].tolist() == [f"x{text}" for text in TEXTS]
    ITEMS.to_arrow(build_items(found, "mine", Pools(hardness=1), 0), "mine")


@pytest.mark.parametrize("kind", KINDS)
def test_every_choice_and_id_stays_as_it_is_written(kind: str, tmp_path: Path) -> None:
    rows = [{"item_id": text, "question": "q?", "choices": [text, "other"], "answer": 0} for text in TEXTS]
    found = load(write(tmp_path, kind, rows))
    assert found["choices"].tolist() == [[text, "other"] for text in TEXTS]
    assert found["item_id"].tolist() == TEXTS


@pytest.mark.parametrize("column_of_choices", [False, True])
def test_numbers_of_json_keep_their_digits(column_of_choices: bool, tmp_path: Path) -> None:
    numbers = ["0.10", "1E5", "5", "5.0", "-0", "12345678901234567", "1e400", "0.1234567890123456789012"]
    choices = f"[{','.join(numbers)}]"
    path = tmp_path / ("mine.csv" if column_of_choices else "mine.jsonl")
    line = f'{{"item_id": 1.50, "question": 0.10, "choices": {choices}, "answer": 1}}'
    path.write_text(f'item_id,question,choices,answer\n1.50,0.10,"{choices}",1\n' if column_of_choices else line)
    (row,) = load(path).to_dict("records")
    assert (row["item_id"], row["question"], row["choices"], row["answer_text"]) == ("1.50", "0.10", numbers, "1E5")


# -- files that are none ---------------------------------------------------------------------------------------------

HEADER = b"item_id,question,answer\n"
GOOD = b'{"item_id": "a", "question": "q?", "answer": "x"}\n'
FILES: list[tuple[str, bytes, str]] = [
    ("mine.csv", HEADER + b"1,a,x\n2,b,y,z\n", "row 2 (line 3): 4 cells, expected 3: item_id, question, answer"),
    ("mine.csv", HEADER + b'1,"a\nb\r\nc",x\n\n2,b\n', "row 2 (line 6): 2 cells, expected 3"),
    ("mine.csv", HEADER + b"1,a,x\r2,b\r", "row 2 (line 3): 2 cells, expected 3"),
    ("mine.csv", HEADER + b"1,a,x\n2\n", "row 2 (line 3): 1 cells, expected 3"),
    (
        "mine.csv",
        HEADER + b'1,a,x\n2,"b,y\n3,c,z\n',
        "line 3: cannot be read (unexpected end of data), expected every quote",
    ),
    (
        "mine.csv",
        HEADER + b'1,a,x\n2,"b"c,y\n',
        "line 3: cannot be read (',' expected after '\"'), expected every quote",
    ),
    ("mine.csv", b"", "empty, expected a header and rows"),
    ("mine.csv", b"\n\n", "empty, expected a header and rows"),
    ("mine.csv", HEADER, "no rows, expected at least one item"),
    (
        "mine.csv",
        b"item_id,question,question,answer\n1,a,b,c\n",
        "column 'question' occurs twice, expected each name once",
    ),
    ("mine.csv", b",item_id,question,answer\n0,1,a,b\n", "line 1: column 1 has no name, expected one"),
    (
        "mine.csv",
        b"item_id;question;answer\n1;a;b\n",
        "expected ',' between cells (in a source of kind file, delimiter: ';' says otherwise)",
    ),
    (
        "mine.csv",
        b"item_id\tquestion\tanswer\n1\ta\tb\n",
        "expected ',' between cells (in a source of kind file, delimiter: '\\t' says otherwise)",
    ),
    (
        "mine.tsv",
        HEADER + b"1,a,x\n",
        "expected '\\t' between cells (in a source of kind file, delimiter: ',' says otherwise)",
    ),
    ("mine.csv", b'item_id,question,"ans\nwer"\n1,a,b\n', "no column 'answer', found item_id, question, ans\\nwer"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-16"), "is in UTF-16"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-16-le"), "line 1 holds a NUL byte"),
    ("mine.csv", (HEADER + b"1,a,x\n").decode().encode("utf-32"), "is in UTF-32"),
    ("mine.jsonl", GOOD.decode().encode("utf-16"), "is in UTF-16"),
    ("mine.json", GOOD.decode().encode("utf-16-be"), "line 1 holds a NUL byte"),
    ("mine.csv", HEADER + "1,a,x\n2,é,y\n".encode("latin-1"), "line 3 holds the byte 0xe9, which is not UTF-8"),
    ("mine.jsonl", GOOD + "é".encode("cp1252"), "line 2 holds the byte 0xe9, which is not UTF-8"),
    ("mine.csv", HEADER + b"1,a\0,x\n", "line 2 holds a NUL byte"),
    ("mine.jsonl", GOOD + b"\0", "line 2 holds a NUL byte"),
    ("mine.csv", gzip.compress(HEADER, mtime=0), "is compressed (gzip)"),
    ("mine.jsonl", gzip.compress(GOOD, mtime=0), "is compressed (gzip)"),
    ("mine.csv", b"PK\x03\x04rest", "is a zip archive or a spreadsheet"),
    ("mine.csv", b"PAR1rest", "is Parquet"),
    (
        "mine.jsonl.gz",
        gzip.compress(GOOD, mtime=0),
        "unknown kind of file '.gz', expected one of .jsonl, .json, .csv, .tsv, .parquet",
    ),
    ("mine.jsonl", b"", "no rows, expected at least one item"),
    ("mine.jsonl", b"\xef\xbb\xbf", "no rows, expected at least one item"),
    ("mine.jsonl", GOOD + b"\n{]", "line 3: not JSON (Expecting property name enclosed in double quotes, character 2)"),
    ("mine.jsonl", GOOD + b"null", "line 2: a NoneType, expected a JSON object"),
    (
        "mine.jsonl",
        b'{"item_id": "a", "question": "q", "question": "r"}',
        "line 1: not JSON (key 'question' occurs twice",
    ),
    ("mine.jsonl", b'{"item_id": "a", "question": Infinity}', "line 1: not JSON (Infinity is no number of JSON)"),
    ("mine.jsonl", b'{"item_id": "a", "question": "\\ud83d", "answer": "x"}', "line 1: not JSON (half a character"),
    ("mine.jsonl", b"[" * 100_000, "line 1: not JSON (nested too deep)"),
    ("mine.json", GOOD, "a dict, expected a JSON list of objects (a file with an object a line is .jsonl)"),
    ("mine.json", GOOD + GOOD, "not JSON (Extra data, line 2, character 1), expected a JSON list of objects"),
    ("mine.json", b"[1]", "row 1: a Number, expected a JSON object"),
    ("mine.json", b"[]", "no rows, expected at least one item"),
    ("mine.parquet", b"PAR1", "cannot be read"),
    ("mine.parquet", b"", "cannot be read"),
    ("mine.csv", HEADER + b"1,,x\n", "row 1 (line 2, item_id '1'): question is empty, expected text"),
    ("mine.csv", HEADER + b" ,a,x\n", "row 1 (line 2): item_id is empty, expected a unique text"),
    (
        "mine.csv",
        HEADER + b"7,a,x\n7,b,y\n",
        "row 2 (line 3): item_id '7' occurs twice, expected unique ids",
    ),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "answer": "x"}',
        "row 2 (item_id 'b'): no 'question', found item_id, answer",
    ),
    ("mine.jsonl", GOOD + b'{"item_id": null, "question": "q", "answer": "x"}', "row 2: item_id is empty (null)"),
    ("mine.jsonl", GOOD + b'{"item_id": "b", "question": ["q"], "answer": "x"}', "question is a list, expected text"),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "question": "q", "answer": null}',
        "answer is empty (null), expected the gold",
    ),
    (
        "mine.jsonl",
        GOOD + b'{"item_id": "b", "question": NaN, "answer": "x"}',
        "question is empty (null), expected text",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), FILES)
def test_a_file_that_cannot_be_meant_is_one_line(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UphillError) as caught:
        load(tmp_path / name, choices=None)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name}: ")
    assert message in said
    assert "\n" not in said
    assert len(said) < 600


@pytest.mark.parametrize(
    ("name", "content", "settings"),
    [
        ("mine.csv", b"\xef\xbb\xbf" + HEADER + b"007,a,x\n", {}),
        ("mine.csv", b'\xef\xbb\xbf"item_id","question","answer"\r\n007,a,x\r\n', {}),
        ("mine.csv", HEADER + b"007,a,x\r\n\r\n", {}),
        ("mine.csv", HEADER.replace(b"\n", b"\r") + b"007,a,x\r", {}),
        ("MINE.CSV", HEADER + b"007,a,x", {}),
        ("mine.csv", b"item_id;question;answer\n007;a;x\n", {"delimiter": ";"}),
        ("mine.csv", b"item_id\tquestion\tanswer\n007\ta\tx\n", {"delimiter": "\t"}),
        ("mine.tsv", b"item_id\tquestion\tanswer\n007\ta\tx\n", {}),
        ("mine.jsonl", b'\xef\xbb\xbf{"item_id": "007", "question": "a", "answer": "x"}\r\n\r\n', {}),
        ("mine.json", b'\xef\xbb\xbf[{"item_id": "007", "question": "a", "answer": "x"}]', {}),
    ],
)
def test_marks_line_ends_and_delimiters_are_read(name: str, content: bytes, settings: Row, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = load(tmp_path / name, choices=None, **settings)
    assert found[["item_id", "question", "answer_text"]].to_numpy().tolist() == [["007", "a", "x"]]


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(f"item_id,question,answer\n1,{'long ' * 60_000},x\n")
    assert len(load(tmp_path / "mine.csv", choices=None)["question"][0]) == 300_000


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json('"\\ud83d\\ude00"') == "😀"


# -- the hub's text files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train.csv", "train.jsonl", "train.json"])
def test_text_files_of_a_hub_repository_are_read_as_they_are_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "repository").mkdir()
    rows = (
        '{"key": "007", "stem": "2020-01-01", "options": [0.10, 2], "gold": 0}\n'
        '{"key": "7", "stem": "NA", "options": [1, 3], "gold": 1}'
    )
    text = {
        "train.csv": 'key,stem,options,gold\n007,2020-01-01,"[0.10, 2]",0\n7,NA,"[1, 3]",1\n',
        "train.jsonl": rows,
        "train.json": f"[{rows.replace(chr(10), ',')}]",
    }[name]
    (tmp_path / "repository" / name).write_text(text)
    settings = {"hub_id": str(tmp_path / "repository"), "revision": COMMIT, "splits": ["train"], "item_id": "key"}
    columns = {"question": "stem", "choices": "options", "answer": "gold", "metadata": ["gold"]}
    found = hub.load(hub.Settings.model_validate(settings | columns))
    assert found["item_id"].tolist() == ["007", "7"]
    assert found["question"].tolist() == ["2020-01-01", "NA"]
    assert found["choices"].tolist() == [["0.10", "2"], ["1", "3"]]
    assert found["answer_text"].tolist() == ["0.10", "3"]


def test_a_bad_text_file_of_a_hub_repository_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository/train.csv").write_text("key,stem,a,b,gold\n1,q?,x,y,0,more\n2,q?,x,y,0,more\n")
    settings = {"hub_id": str(tmp_path / "repository"), "revision": COMMIT, "splits": ["train"], "choices": ["a", "b"]}
    with pytest.raises(UphillError, match=r"train.csv: row 1 \(line 2\): 6 cells, expected 5: key, stem, a, b, gold"):
        hub.load(hub.Settings.model_validate(settings | {"question": "stem", "answer": "gold", "item_id": "key"}))
