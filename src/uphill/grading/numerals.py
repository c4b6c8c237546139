"""Numbers as people and models write them, as exact values."""

import re
from fractions import Fraction

from uphill.grading.cleaning import plain

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)"
_NUMBER = re.compile(
    # Not within a word, a time of day, a date or an exponent ...
    r"(?<![A-Za-z0-9^_])(?<![0-9][:/.])(?<!\^\{)"
    # ... with a sign, unless that stands between two things, as in 5-3 or 2020-21,
    r"(?:(?<![\w.)\]}])(?P<sign>[-+])(?:\s(?<![\w.)\]}]\s[-+]\s))?(?=[$£€¥]?\.?[0-9]))?[$£€¥]?(?P<minus>-)?"
    rf"(?:(?P<whole>[0-9]+)\s(?=[0-9]+/))?(?P<value>{_DIGITS}(?:\.[0-9]+)?|(?<!\w)\.[0-9]+)"
    r"(?:\s?(?:×|\\times|\\cdot|\*)\s?10\^\{?(?P<power>-?[0-9]+)\}?|[eE](?P<exponent>[-+]?[0-9]+)|\s?/\s?(?P<below>0*[1-9][0-9]*))?"
    r"(?![0-9]|[:/.][0-9])"
)
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *_TEENS]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {word: value for value, word in enumerate(_UNITS)} | {word: 20 + 10 * at for at, word in enumerate(_TENS)}
_ANY = "|".join(sorted(_WORDS, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"\b(?:(minus|negative)\s+)?(?:({_ANY})\s+hundred(?:\s+and)?\s*)?(?:({'|'.join(_TENS)})[\s-]+)?({_ANY})?\b", re.I
)


def numbers(text: str) -> list[Fraction]:
    """Values of the numbers in a text, in order.

    Commas between thousands, currency and percent signs make no difference; 3/4 is 0.75, 1 1/2 is 1.5. A minus sign is
    one unless it stands between two things (5-3). Times of day, dates, exponents and digits in words are no numbers.
    """
    return [_value(found) for found in _NUMBER.finditer(plain(text)) if _is_finite(found)]


def number(text: str) -> Fraction | None:
    """The value of a text that is one number and nothing else; None of any other."""
    text = plain(text).strip().removesuffix("%").strip()
    found = _NUMBER.fullmatch(text)
    return _value(found) if found and _is_finite(found) else None


def number_in_words(text: str) -> Fraction | None:
    """The value of the last number below a thousand that a text spells out in English; None without any."""
    found = [match for match in _IN_WORDS.finditer(text.lower()) if any(match.groups()[1:])]
    if not found:
        return None
    sign, hundreds, tens, units = found[-1].groups()
    total = 100 * _WORDS[hundreds] if hundreds else 0
    total += (_WORDS[tens] if tens else 0) + (_WORDS[units] if units else 0)
    return Fraction(-total if sign else total)


def shown(value: Fraction) -> str:
    """A value in its shortest exact form: 18, -0.5, 1/3."""
    below = value.denominator
    while below % 2 == 0:
        below //= 2
    while below % 5 == 0:
        below //= 5
    if below != 1:
        return str(value)
    if value.denominator == 1:
        return str(value.numerator)
    digits = 1
    while (value * 10**digits).denominator != 1:
        digits += 1
    sign, scaled = "-" if value < 0 else "", str(abs(value) * 10**digits)
    scaled = scaled.rjust(digits + 1, "0")
    return f"{sign}{scaled[:-digits]}.{scaled[-digits:]}"


def _value(found: re.Match[str]) -> Fraction:
    value = Fraction(found["value"].replace(",", ""))
    if found["below"]:
        value /= int(found["below"])
    value += int(found["whole"] or 0)
    value *= Fraction(10) ** _power(found)
    return -value if found["sign"] == "-" or found["minus"] else value


def _power(found: re.Match[str]) -> int:
    return int(found["power"] or found["exponent"] or 0)


def _is_finite(found: re.Match[str]) -> bool:
    """Whether a float holds it: larger powers of ten are noise, and take minutes to compute."""
    return len(found["power"] or found["exponent"] or "") < 5 and abs(_power(found)) <= 308
