"""Where a figure's parts stand in its picture, so that a narrow page can show a panel at a time: a text in the PNG."""

import json
import struct
import zlib
from collections.abc import Iterator

from matplotlib.figure import Figure

KEY = b"Panels"
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


def with_boxes(picture: bytes, found: list[Box]) -> bytes:
    """A PNG that says them in a text of its own; the picture is the same."""
    content = b"tEXt" + KEY + b"\0" + json.dumps(found).encode("latin-1")
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    place = SIGNATURE + HEADER
    return picture[:place] + chunk + picture[place:]


def boxes_of(picture: bytes) -> list[Box]:
    """What a PNG says of its parts; none where it says nothing."""
    for kind, content in _chunks(picture):
        key, _, text = content.partition(b"\0")
        if kind == b"tEXt" and key == KEY:
            return [[float(side) for side in box] for box in json.loads(text)]
    return []


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = SIGNATURE
    while place + 8 <= len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        yield picture[place + 4 : place + 8], picture[place + 8 : place + 8 + length]
        place += 12 + length
