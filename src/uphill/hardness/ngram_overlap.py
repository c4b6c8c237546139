"""Overlap of an item's question with text that a model may have read: the share of its n-grams that occur there.

`words` says what a word is. An n-gram that many items share is the set's boilerplate and counts for nothing. A
question without any n-gram of its own, as a short one, is looked for as a whole, and then either found or not.

Choices and answers are not looked for: most are too short to tell a copy from chance.
Sources: Brown et al. 2020 (GPT-3, appendix C: 13 words, no punctuation, lower case; frequent n-grams left out).
"""

import codecs
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from uphill.datasets.words import Gram, grams, words
from uphill.errors import UphillError
from uphill.hardness.data import Graded, HardnessData, long_form

RUNS_MODEL = False
READS_RESPONSES = False
SUFFIX = ".txt"
BLOCK = 2**22
"""Bytes of a file that are read at a time."""
LONGEST_WORD = 2**20
"""Characters without white space that are held at a time: no question has such a word."""


class Settings(BaseModel):
    """Which text is searched, and for what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str | None = Field(None, description="The dataset whose items are measured; all unless given.")
    folder: Path = Field(description="Folder of .txt files in UTF-8, each a document; folders in it are searched too.")
    n: int = Field(13, ge=1, le=100, description="Words of an n-gram.")
    most_items: int = Field(
        10, ge=1, le=1_000_000, description="An n-gram that more items of the dataset share is left out."
    )

    @property
    def files(self) -> list[Path]:
        """Files whose content decides the values, in the order of their names.

        Raises:
            UphillError: there is no such folder, or none in it, or a file of another kind, which would not be read.
        """
        if not self.folder.is_dir():
            raise UphillError(f"{self.folder}: no such folder, expected one of {SUFFIX} files")
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        other = next((path for path in found if path.suffix != SUFFIX), None)
        if other is not None or not found:
            raise UphillError(f"{other or self.folder}: expected {SUFFIX} files alone, and one or more")
        return found


def variables(name: str, settings: Settings, dataset: Graded) -> Sequence[str]:
    """The share, named after the config entry."""
    return [name] if settings.dataset in (None, dataset.name) else []


def measure(name: str, settings: Settings, data: HardnessData) -> pd.DataFrame:
    """The share of each question, with how many n-grams it is of (`ngrams`) and the first that was found (`matched`).

    Raises:
        UphillError: as `Settings.files`, or a file is not in UTF-8.
    """
    wanted = grams_of(data.items["question"], settings.n, settings.most_items)
    found = search(settings.files, {gram for own in wanted.values() for gram in own})
    shares = {item: sum(gram in found for gram in own) / len(own) for item, own in wanted.items()}
    rows = long_form(pd.Series(shares, dtype=float, name=name).to_frame(), kind="overlap")
    first = {item: next((" ".join(gram) for gram in own if gram in found), "") for item, own in wanted.items()}
    return rows.assign(
        ngrams=rows["item_id"].map({item: len(own) for item, own in wanted.items()}), matched=rows["item_id"].map(first)
    )


def grams_of(questions: pd.Series, n: int, most_items: int) -> dict[str, list[Gram]]:
    """By item, the distinct n-grams that are looked for: its own, or all its words as one.

    Raises:
        UphillError: a question has no word.
    """
    said = {str(item): words(text) for item, text in questions.items()}
    empty = next((item for item, own in said.items() if not own), None)
    if empty is not None:
        raise UphillError(f"item {empty!r}: the question has no letter or digit, expected words to look for")
    each = {item: list(dict.fromkeys(grams(own, n))) for item, own in said.items()}
    shared = Counter(gram for own in each.values() for gram in own)
    kept = {item: [gram for gram in own if shared[gram] <= most_items] for item, own in each.items()}
    return {item: kept[item] or [tuple(own)] for item, own in said.items()}


def search(files: Sequence[Path], wanted: set[Gram], block: int = BLOCK) -> set[Gram]:
    """Those of some n-grams, of any lengths, that occur within a file; no more than a block of it is held."""
    by_length: dict[int, set[Gram]] = defaultdict(set)
    for gram in wanted:
        by_length[len(gram)].add(gram)
    longest, found = max(by_length, default=1), set[Gram]()
    for path in tqdm(files, desc="n-grams", unit="file", disable=None):
        last: list[str] = []
        for piece in _pieces(path, block):
            text = [*last, *words(piece)]
            for length, own in by_length.items():
                # What the words before made among themselves is found again, which changes nothing.
                found |= own.intersection(grams(text, length))
            last = text[-(longest - 1) :] if longest > 1 else []
    return found


def _pieces(path: Path, block: int) -> Iterator[str]:
    """A file's text in pieces that part at white space, so that no word is cut.

    Raises:
        UphillError: it cannot be read, or is not in UTF-8.
    """
    decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
    try:
        with path.open("rb") as file:
            while content := file.read(block):
                rest += decoder.decode(content)
                held = 0 if not rest or rest[-1].isspace() else len(rest.rsplit(maxsplit=1)[-1])
                start = len(rest) - (held if held < LONGEST_WORD else 0)
                yield rest[:start]
                rest = rest[start:]
            yield rest + decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UphillError(f"{path}: byte 0x{error.object[error.start]:02x} is not UTF-8, expected text in it") from None
    except OSError as error:
        raise UphillError(f"{path}: cannot be read ({error.strerror}), expected text in UTF-8") from None
