"""Where a figure's parts stand in its picture, so that a narrow page can show a panel at a time; and texts in a PNG."""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

KIND = b"zTXt"
SIGNATURE, HEADER = 8, 25
"""Bytes of a PNG before its first chunk, and of that chunk, behind which texts may stand."""
DIGITS = 4
MARGIN = 0.04
"""Inches around a part."""
Box = list[float]
"""Left, top, right and bottom, as shares of the picture's width and height, from its upper left corner."""


def boxes(figure: Figure) -> list[Box]:
    """Of a figure that has been drawn: its legends, then its panels with all that is written at them, in order."""
    parts = [*figure.legends, *(axis for axis in figure.axes if axis.get_visible())]
    width, height = figure.get_size_inches() * figure.dpi
    margin = MARGIN * figure.dpi
    found = []
    for part in parts:
        box = part.get_tightbbox()
        if box is None:
            continue
        sides = (box.x0 - margin) / width, 1 - (box.y1 + margin) / height
        ends = (box.x1 + margin) / width, 1 - (box.y0 - margin) / height
        found.append([round(min(1.0, max(0.0, side)), DIGITS) for side in (*sides, *ends)])
    return found


def with_texts(picture: bytes, **texts: Any) -> bytes:
    """A PNG that says things in texts of its own, packed JSON by key; the picture is the same."""
    place = SIGNATURE + HEADER
    chunks = b"".join(
        _chunk(key.encode() + b"\0\0" + zlib.compress(json.dumps(of).encode())) for key, of in texts.items()
    )
    return picture[:place] + chunks + picture[place:]


def _chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + KIND + content + struct.pack(">I", zlib.crc32(KIND + content))


def said(picture: bytes, key: str) -> list[Any]:
    """What a PNG says of something; nothing where it says none."""
    for kind, content in _chunks(picture):
        name, _, text = content.partition(b"\0")
        if kind == KIND and name == key.encode():
            return list(json.loads(zlib.decompress(text[1:])))
    return []


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = SIGNATURE
    while place + 8 <= len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        yield picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]
        place += 12 + length
