"""Reading an answer out of generated text (Hase et al. 2024, code release, `metrics.py`)."""

import re

ANSWER_MARK = "the answer is"
NO_ANSWER = ""


def extract_answer(text: str) -> str:
    """The answer stated in the first line of `text`: what follows the first "the answer is", else `NO_ANSWER`.

    The line is cut first, because a base model goes on with a question of its own after the answer.
    """
    line = text.strip().split("\n", 1)[0]
    _, mark, rest = line.lower().partition(ANSWER_MARK)
    return _normal(rest.split(ANSWER_MARK, 1)[0]) if mark else NO_ANSWER


def same_answer(prediction: str, gold: str) -> bool:
    """Whether an extracted prediction states the gold answer; both sides are normalised alike."""
    return prediction != NO_ANSWER and _normal(prediction) == _normal(gold)


def _normal(answer: str) -> str:
    """Lower case, single spaces, no full stop at the end; a number loses thousands commas, units and trailing zeros."""
    answer = re.sub(r"\s+", " ", answer).strip().strip(".").strip().lower()
    number = re.fullmatch(r"[^\d-]*(-?\d[\d,]*(?:\.\d+)?)\D*", answer)
    if not number:
        return answer
    value = float(number[1].replace(",", ""))
    return str(int(value)) if value == int(value) else str(value)
