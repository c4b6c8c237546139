"""No byte of a Parquet file of ours can change without a word; files from elsewhere are read as they are."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.running.parts import Parts
from uphill.schemas import parquet
from uphill.schemas.contract import Contract
from uphill.schemas.files import made_by, read, read_arrow, write_arrow
from uphill.schemas.grades import GRADES
from uphill.schemas.hardness import HARDNESS
from uphill.schemas.items import ITEMS
from uphill.schemas.measures import MEASURE
from uphill.schemas.predictions import PREDICTIONS
from uphill.schemas.responses import RESPONSES
from uphill.schemas.splits import SPLITS

ROOT = Path(__file__).parents[2]
FLIPS = 40
"""Seeded places of each contract's file."""


def example(contract: Contract, start: int = 0) -> pa.Table:
    """Three rows of a contract, each with a key of its own."""
    columns = {}
    for field in contract.schema:
        values: Any = {
            pa.string(): [f"{field.name} {start + row}" for row in range(3)],
            pa.int64(): [start, start + 1, start + 2],
            pa.float64(): [0.5, -1.25, 2.0],
            pa.bool_(): [True, False, True],
            pa.list_(pa.string()): [["x", "y"]] * 3,
            pa.list_(pa.float64()): [[-0.5, -1.5]] * 3,
            pa.list_(pa.int64()): [[2, 1]] * 3,
        }.get(field.type)
        if values is None and field.name == "also":
            values = [[{"name": "strict", "correct": True}], None, []]
        if values is None:
            values = list(np.eye(3, dtype=np.float16))
        kind = pa.list_(pa.float16(), 3) if field.name == contract.vector else field.type
        columns[field.name] = pa.array(values, kind)
    return pa.table(columns)


CONTRACTS = (ITEMS, RESPONSES, MEASURE, HARDNESS, SPLITS, PREDICTIONS, GRADES)
SPEC = {"id": "abc", "settings": {"dataset": "dial"}}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path, contract: Contract) -> None:
    path = tmp_path / "made.parquet"
    write_arrow(example(contract), path, contract, SPEC)
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    rng = random.Random(contract.name)
    # Some of each: pages with their headers, the footer, and the first and last bytes.
    places = {*rng.sample(range(len(content) - footer), FLIPS), *rng.sample(range(-footer, 0), FLIPS)}
    for place in sorted(places | {*range(8), *range(-12, 0)}):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        for look in (lambda: read(path, contract), lambda: made_by(path)):
            with pytest.raises(UphillError, match=r"made\.parquet: .*; to have it made again: rm .*, then run"):
                look()
    path.write_bytes(content)
    assert read_arrow(path, contract).equals(example(contract))
    assert made_by(path) == SPEC


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "a block of zeros": lambda content: content[:64] + bytes(64) + content[128:],
    "all zeros": lambda content: bytes(len(content)),
    "zeros after": lambda content: content + bytes(512),
    "a page repeated": lambda content: content[:4] + content[4:100] * 2 + content[100:],
    "something after": lambda content: content + b"more",
    "its own end after": lambda content: content + content[-8:],
    "a text": lambda content: b"item_id,value\na,1\n",
    "its ends alone": lambda content: content[:4] + content[-4:],
    "an endless footer": lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1",
}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_one_line(tmp_path: Path, contract: Contract, damage: str) -> None:
    path = tmp_path / "made.parquet"
    write_arrow(example(contract), path, contract, SPEC)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    for look in (lambda: read(path, contract), lambda: made_by(path)):
        with pytest.raises(UphillError) as refusal:
            look()
        assert re.fullmatch(
            r".*made\.parquet: .*; to have it made again: rm .*, then run the workflow again", str(refusal.value)
        )


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_another_file_under_the_name_is_refused(tmp_path: Path, contract: Contract) -> None:
    path = tmp_path / "made.parquet"
    write_arrow(example(contract), path, contract, SPEC | {"id": "of another dataset"})
    assert len(read(path, contract)) == 3
    with pytest.raises(UphillError, match="made by another config or by older code, or for another dataset"):
        read(path, contract, "abc")
    write_arrow(example(contract), path, contract, None)
    with pytest.raises(UphillError, match="records no identity"):
        read(path, contract, "abc")


def test_a_file_that_somebody_wrote_anew_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    write_arrow(example(MEASURE), path, MEASURE, SPEC)
    pq.write_table(pq.read_table(path), path)  # keeps the identity
    with pytest.raises(UphillError, match="without the digest of what was written"):
        read(path, MEASURE)


def test_a_text_that_looks_like_the_digest_is_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    hostile = (parquet.MARK + b"0" * parquet.LENGTH).decode()
    frame = example(MEASURE).to_pandas().assign(**{hostile: [hostile] * 3, "item_id": [hostile, "b", "c"]})
    write_arrow(MEASURE.to_arrow(frame, "here"), path, MEASURE, {"id": hostile, hostile: hostile})
    assert read(path, MEASURE)["item_id"][0] == hostile
    assert made_by(path)["id"] == hostile


@pytest.mark.parametrize("values", [np.random.default_rng(0).random(4000), np.repeat(["one", "other"], 2000)])
def test_pages_have_checksums_of_their_own(tmp_path: Path, values: Any) -> None:
    """Which readers of other projects verify, and which are all that a file from elsewhere has."""
    path = tmp_path / "made.parquet"
    parquet.write(pa.table({"a": values}), path)
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(0).column(0)
    # The last bytes of the dictionary's page and of the data's.
    for end in (column.data_page_offset, column.dictionary_page_offset + column.total_compressed_size):
        flipped = content.copy()
        flipped[end - 2] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(OSError, match="CRC checksum verification failed"):
            parquet.read_given(path)


def test_files_from_elsewhere_need_no_checksum(tmp_path: Path) -> None:
    (tmp_path / "kind=a").mkdir()
    path = tmp_path / "kind=a/given.parquet"
    pq.write_table(pa.table({"a": [1, 2]}), path)
    assert parquet.read_given(path).to_pydict() == {"a": [1, 2]}, "a folder is no column"


def test_there_is_one_reader_and_one_writer() -> None:
    other = re.compile(
        r"read_parquet|to_parquet|pyarrow\.parquet|pyarrow import parquet|\bpq\.|pyarrow\.dataset|feather"
    )
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]
    # warm.py imports libraries by their names, and calls none.
    read = [path for path in files if path.name not in ("parquet.py", "warm.py")]
    found = [path for path in read if other.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize("damage", ["cut", "of another cell"])
def test_a_damaged_part_is_dropped_with_a_word(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts(tmp_path / "job", MEASURE)
    parts.put("one", example(MEASURE))
    parts.put("two", example(MEASURE, start=5))
    kept = parts.get("one")
    assert kept is not None
    assert kept.equals(example(MEASURE))
    one = tmp_path / "job/one.parquet"
    one.write_bytes(one.read_bytes()[:-30] if damage == "cut" else (tmp_path / "job/two.parquet").read_bytes())
    assert parts.get("one") is None
    assert not one.exists()
    assert f"{one}: a finished part that was damaged: made again" in caplog.text
    caplog.clear()
    assert parts.get("three") is None
    assert caplog.text == ""


def test_a_shard_in_the_place_of_another_is_refused(tmp_path: Path) -> None:
    paths = [tmp_path / f"shard-{number}-of-2.parquet" for number in range(2)]
    for number, path in enumerate(paths):
        write_arrow(example(RESPONSES, start=3 * number), path, RESPONSES, SPEC)
    assert len(ResponseTable.read(paths, "abc").item_ids) == 6
    with pytest.raises(UphillError, match="made by another config"):
        ResponseTable.read(paths, "of another pass")
    paths[1].write_bytes(paths[0].read_bytes())
    with pytest.raises(UphillError, match=r"shard-1-of-2\.parquet: holds item 'item_id 0' of another shard"):
        ResponseTable.read(paths, "abc")


def test_a_table_of_frames_keeps_its_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        parquet.write(pa.Table.from_pandas(pd.DataFrame({"a": [1.5, 2.5]})), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_rows_that_were_read_are_written_as_the_same_bytes(tmp_path: Path, contract: Contract) -> None:
    """A file of parts keeps those that are there and adds new ones: it is the file of all of them made at once."""
    parquet.write(example(contract), tmp_path / "first")
    again = parquet.read(tmp_path / "first").replace_schema_metadata(None)
    parquet.write(again, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes()
