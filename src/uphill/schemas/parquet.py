"""Parquet files that say themselves whether they are what was written: the one writer and the one reader of them.

Pages have checksums (CRC-32), which readers of other projects verify too. They cover what is in a page and nothing
else: not its header, nor the footer with the schema, the statistics and the identity of what made the file. So the
footer also holds a digest of the whole file, taken with zeros in the digest's own place.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from uphill.errors import UphillError, damaged

MAGIC = b"PAR1"
"""The first and the last bytes of a Parquet file."""
DIGEST_KEY = b"uphill-sha256"
LENGTH = 64
"""Hex digits of a SHA-256."""
MARK = DIGEST_KEY + b"\x18\x40"
"""The key, then Thrift's compact form of 'a text of 64 bytes follows'."""
CHUNK = 2**20


def write(table: pa.Table, path: Path) -> None:
    """Write a table, its metadata included, with the checksums of its pages and the digest of the file."""
    # What was read and what is new name the elements of lists differently; the same rows are to be the same bytes.
    table = table.cast(pa.schema([_as_read(field) for field in table.schema], table.schema.metadata))
    with pq.ParquetWriter(path, table.schema, compression="zstd", write_page_checksum=True) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({DIGEST_KEY.decode(): "0" * LENGTH})
    with path.open("r+b") as stream:
        place = _place(stream)
        digest = _digest(stream, place)
        stream.seek(place)
        stream.write(digest)


def _as_read(field: pa.Field) -> pa.Field:
    """A field with the name that a reader of the file gives the elements of a list."""
    if not pa.types.is_list(field.type) and not pa.types.is_fixed_size_list(field.type):
        return field
    size = field.type.list_size if pa.types.is_fixed_size_list(field.type) else -1
    return field.with_type(pa.list_(_as_read(field.type.value_field).with_name("element"), size))


def check(path: Path | str) -> None:
    """Hold every byte of a file to the digest that `write` left in it.

    Raises:
        UphillError: the file was cut short, or it is another one than was written.
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as stream:
        if not _is_whole(stream):
            raise damaged(path, "not a whole Parquet file")
        try:
            place = _place(stream)
        except ValueError:
            raise damaged(path, "damaged: a Parquet file without the digest of what was written") from None
        if _digest(stream, place) != _recorded(stream, place):
            raise damaged(path, "damaged: not the bytes that were written")


def read(path: Path | str, without: str | None = None) -> pa.Table:
    """The table of a file that `write` made, with its metadata.

    Args:
        path: the file.
        without: a column that is left out.

    Raises:
        UphillError: it is not what was written.
        FileNotFoundError: there is no such file.
    """
    try:
        check(path)
        return read_given(path, without)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UphillError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (pa.ArrowException, ValueError) as error:
        raise damaged(path, f"damaged ({' '.join(str(error).split())})") from error


def batches(path: Path | str, column: str, rows: int) -> Iterator[pa.Array]:
    """A column of a file that `read` has read, `rows` at a time: of the rest, nothing is in memory.

    Raises:
        UphillError: it cannot be read.
    """
    try:
        # So pages are read one by one; else all of them before the first.
        with pq.ParquetFile(path, page_checksum_verification=True, buffer_size=CHUNK, pre_buffer=False) as file:
            for batch in file.iter_batches(rows, columns=[column]):
                yield batch.column(0)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, f"damaged ({' '.join(str(error).split())})") from error


def read_given(path: Path | str, without: str | None = None) -> pa.Table:
    """The table of a Parquet file from elsewhere; pages are verified where they have checksums.

    Raises:
        pa.ArrowException, OSError, ValueError: it is not Parquet, or is damaged.
    """
    # Not `read_table`, which takes folders called a=b for columns.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(None if without is None else [name for name in file.schema_arrow.names if name != without])


def schema(path: Path | str) -> pa.Schema:
    """The columns of a file that `read` has read."""
    return pq.read_schema(path)


def metadata(path: Path | str) -> dict[bytes, bytes]:
    """The metadata of a file that `write` made. Raises as `read`."""
    try:
        check(path)
        return pq.read_schema(path).metadata or {}
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UphillError(f"{path}: cannot be read: {error.strerror or error}") from error


def is_whole(path: Path) -> bool:
    """Whether a file has its beginning and its end; one that was cut short has not."""
    with path.open("rb") as stream:
        return _is_whole(stream)


def _is_whole(stream: BinaryIO) -> bool:
    size = stream.seek(0, 2)
    if size < len(MAGIC):
        return False
    stream.seek(0)
    start = stream.read(len(MAGIC))
    stream.seek(size - len(MAGIC))
    return start == MAGIC == stream.read()


def _place(stream: BinaryIO) -> int:
    """Where in the file the digest stands.

    Raises:
        ValueError: nowhere.
    """
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 8))
    footer = min(int.from_bytes(stream.read(4), "little") + 8, size)
    stream.seek(size - footer)
    # The last one: of what comes after it, nothing can hold the mark's control characters.
    return size - footer + stream.read().rindex(MARK) + len(MARK)


def _recorded(stream: BinaryIO, place: int) -> bytes:
    stream.seek(place)
    return stream.read(LENGTH)


def _digest(stream: BinaryIO, place: int) -> bytes:
    """SHA-256 of a file, in hex, with zeros from `place` on for the length of a digest."""
    found = hashlib.sha256()
    stream.seek(0)
    for chunk in _chunks(stream, place):
        found.update(chunk)
    found.update(b"0" * len(stream.read(LENGTH)))
    for chunk in iter(lambda: stream.read(CHUNK), b""):
        found.update(chunk)
    return found.hexdigest().encode()


def _chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := stream.read(min(size, CHUNK))):
        size -= len(chunk)
        yield chunk
