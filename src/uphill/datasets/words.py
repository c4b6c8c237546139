"""The words of a text as texts are compared, and runs of them.

Words are runs of letters and digits of text in Unicode's normal form KC, case folded, so that quotes, dashes, spaces
and punctuation make no difference.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

WORD = re.compile(r"[^\W_]+")
Gram = tuple[str, ...]


def words(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return WORD.findall(folded)


def grams(text: Sequence[str], n: int) -> Iterable[Gram]:
    """Every run of n words."""
    return zip(*(text[start:] for start in range(n)), strict=False)
