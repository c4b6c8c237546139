"""What a reader should know of how this process made its numbers: by a slower way, in wider numbers. In no identity.

It travels in the metadata of what the job makes, from there through what is made from that, to the report.
"""

from collections.abc import Iterable

NOTES = "notes"
"""Where a file's record of what made it keeps them; absent where there are none."""
SCALE = "scale "
"""How a line on a scale of difficulty begins: the report groups these."""
LOOK = "look "
"""How a line on a dataset of which some items alone were kept begins, by the config's `limit`."""
FLAGS = "flags "
"""How a line on items begins that a file of flags does not name."""
STRESS = "stress "
"""How a line on items begins that a change which misleads left as they were."""
LOST = "lost "
"""How a line begins on what labels or clusters leave out, or cut."""
CUT = "cut "
"""How a line on texts begins that were read, or shown, without their end."""
AGAIN = "again "
"""How a line on items begins that ask what one of another pool asks."""
_noted: dict[str, None] = {}


def note(*lines: str) -> None:
    """Keep lines, each once."""
    _noted.update(dict.fromkeys(lines))


def noted(also: Iterable[str] = ()) -> list[str]:
    """All lines so far, and some more, in order."""
    return sorted({*_noted, *also})


def forget() -> None:
    """Begin anew, as each process does."""
    _noted.clear()
