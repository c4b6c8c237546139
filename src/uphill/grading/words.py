"""One of a few words that a text may answer with: yes or no, true or false, valid or invalid."""

import re
from collections.abc import Mapping

from uphill.grading.cleaning import boxed, plain
from uphill.grading.cues import CUE, own_part
from uphill.grading.letter import AMBIGUOUS

YES_NO: Mapping[str, str] = {"yes": "yes", "no": "no"}
TRUE_FALSE: Mapping[str, str] = {"true": "True", "false": "False", "not true": "False", "not false": "True"}
VALIDITY: Mapping[str, str] = {
    **dict.fromkeys(("valid", "deductively valid"), "valid"),
    **dict.fromkeys(("invalid", "deductively invalid", "not valid", "not deductively valid"), "invalid"),
}
PLAUSIBLE: Mapping[str, str] = {**YES_NO, "plausible": "yes", "implausible": "no", "not plausible": "no"}


def read_word(text: str, words: Mapping[str, str], strict: bool = False) -> str | None:
    """What a text answers: the value of the last announced word, else of the only one; `AMBIGUOUS` for several.

    Args:
        text: the text, without thinking.
        words: by word or phrase, in lower case, what it stands for.
        strict: take a word that is announced, that opens the text or that is all of it, and no other.
    """
    text = own_part(text)
    content, _ = boxed(text)
    text = plain(text if content is None else content).strip()
    pattern = re.compile(
        rf"(?<![\w'’-])(?:{'|'.join(map(re.escape, sorted(words, key=len, reverse=True)))})(?![\w'’-])", re.IGNORECASE
    )
    cued = [pattern.search(_line(text, cue.end())) for cue in CUE.finditer(text)]
    announced = [words[found[0].lower()] for found in cued if found]
    if announced:
        return announced[-1]
    found = [words[match[0].lower()] for match in pattern.finditer(text)]
    whole = pattern.fullmatch(text.strip(" .!,;:\"'"))
    if whole:
        return words[whole[0].lower()]
    if strict:
        return None
    concluded = re.split(r"\b(?:so|therefore|thus|hence)\b", text, flags=re.IGNORECASE)[-1]
    last = [words[match[0].lower()] for match in pattern.finditer(concluded)]
    found = last if last and concluded != text else found
    return None if not found else found[0] if len(set(found)) == 1 else AMBIGUOUS


def _line(text: str, start: int) -> str:
    """The statement that begins at a place: the rest of its line, or the next line that says anything."""
    return next((line for line in text[start:].split("\n") if line.strip()), "")
