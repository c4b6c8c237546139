"""The beginning that many texts share, tokenized once.

Few-shot prompts differ in their last lines only, and tokenizing is not free. A text is cut where a word begins, well
before the end of what all texts share, and what follows is tokenized alone. That gives the tokens of the whole text
where the tokenizer is local: it splits a text by what stands around a place, and merges within its pieces in an order
that no other piece decides (byte-pair encoding, and what looks words up). So a cut is taken if whole texts bear it out,
and if every text goes on behind it as those do; else whole texts are tokenized.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any

LEAST, GUARD = 128, 64
"""Characters: shorter beginnings are not worth it, and so many at their end are tokenized with each text."""
WHOLE = 3
"""Texts that are tokenized as a whole, to hold the cut to."""
TRIED = 8
"""Places of each kind."""
_WORD = re.compile(r"(?<=\s)[0-9A-Za-z]| (?=[0-9A-Za-z])")
"""Where a text may be cut: all that a rule of splitting looks at from the left ends there."""
_LOOKS_BACK = re.compile(r"\(\?<[=!]|\\[ABGbKz]|(?<!\[)\^")
Tokens = tuple[list[int], list[int]]
"""Ids, and the place in the text that each reaches to."""
Tokenize = Callable[[Sequence[str]], Iterator[Tokens]]


@dataclass(frozen=True)
class Shared:
    """What N texts begin with, and what follows in each.

    Attributes:
        ids: of what is shared.
        rest: [N] of what follows: ids, and the place in the whole text that each reaches to.
    """

    ids: list[int]
    rest: Sequence[Tokens]


def tokenized(tokenizer: Any, tokenize: Tokenize, texts: Sequence[str], limit: int) -> Shared:
    """Token ids of texts, those of their common beginning once.

    Args:
        tokenizer: a fast tokenizer.
        tokenize: ids and reach of each of some texts.
        texts: N texts.
        limit: characters of each that may count as its beginning.
    """
    # What the first and the last in alphabetical order share, all share.
    pairs = zip(min(texts, default=""), max(texts, default=""), strict=False)
    shared = min(sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)), limit)
    if len(texts) > WHOLE and shared >= LEAST and _local(getattr(tokenizer, "backend_tokenizer", None)):
        sample = [texts[0], texts[len(texts) // 2], texts[-1]]
        whole = list(tokenize(sample))
        end = shared - max([GUARD, *map(len, tokenizer.get_added_vocab())])
        for place in _places(texts[0], end):
            found = _cut(tokenize, texts, place, shared, sample, whole)
            if found is not None:
                return found
    return Shared([], list(tokenize(texts)))


def _local(core: Any) -> bool:
    """Whether what a tokenizer does at a place depends on what stands around it alone."""
    if core is None or type(core.model).__name__ not in ("BPE", "WordPiece", "WordLevel"):
        return False
    parts = [part.__getstate__() for part in (core.normalizer, core.pre_tokenizer) if part is not None]
    return not any(_LOOKS_BACK.search(part.decode().replace("\\\\", "\\")) for part in parts)


def _places(text: str, end: int) -> list[int]:
    """The last beginnings of lines, of words, and of spaces before one: a tokenizer may need one or another."""
    found = [match.start() for match in _WORD.finditer(text, 1, max(end, 1))]
    kinds: tuple[Callable[[int], bool], ...] = (
        lambda place: text[place - 1] == "\n",
        lambda place: text[place - 1] == " ",
        lambda place: text[place] == " ",
    )
    return [place for kind in kinds for place in islice(filter(kind, reversed(found)), TRIED)]


def _cut(
    tokenize: Tokenize, texts: Sequence[str], place: int, shared: int, sample: list[str], whole: list[Tokens]
) -> Shared | None:
    """Texts cut at a place; None where a whole text, or another text's beginning, says otherwise."""
    begun = whole[0][0][: len(whole[0][0]) - len(next(tokenize([sample[0][place:]]))[0])]
    for (ids, reach), (own, ends) in zip(whole, tokenize([text[place:] for text in sample]), strict=True):
        if ids != begun + own or reach[len(begun) :] != [place + end for end in ends]:
            return None
    # What every text must go on with: half of what is shared behind the cut, at least.
    ids, reach = whole[0]
    held = [token for token, end in zip(ids, reach, strict=True) if end <= (place + shared) // 2][len(begun) :]
    rest = [(own, [place + end for end in ends]) for own, ends in tokenize([text[place:] for text in texts])]
    return Shared(begun, rest) if held and all(own[: len(held)] == held for own, _ in rest) else None
