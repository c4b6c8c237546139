"""The check of packed scoring: it finds a mask or a position that is wrong on purpose, and passes honest rounding."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from covering import covering
from engine_models import BLOCKWISE, PACKABLE, VOCABULARY, WINDOW, tiny, word_tokenizer
from numpy.typing import NDArray

from uphill.engine import choosing, scoring
from uphill.engine.agreement import disagreement, made_up_items
from uphill.engine.loading import Loaded
from uphill.engine.packing import Branched, Pack, lay_out, shared_prefix
from uphill.engine.structure import NoCopyError
from uphill.errors import UphillError

Break = Callable[[Pack, list[slice], list[list[slice]]], dict[str, NDArray[np.int64]]]


def in_dtype(kind: str, dtype: torch.dtype, **changes: Any) -> Loaded:
    loaded = tiny(kind, **changes)
    return dataclasses.replace(loaded, model=copy.deepcopy(loaded.model).to(dtype))


def late_start(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Everything stands one position further from the prefix."""
    return {"position_ids": layout.position_ids + 1}


def late_choices(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Choices stand one position further from their questions."""
    position_ids = layout.position_ids.copy()
    for spot in [spot for spots in choices for spot in spots]:
        position_ids[spot] += 1
    return {"position_ids": position_ids}


def choices_in_a_row(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Each choice goes on where the one before ended."""
    position_ids = layout.position_ids.copy()
    for question, spots in zip(questions, choices, strict=True):
        rows = slice(question.start, spots[-1].stop)
        position_ids[rows] = position_ids[question.start] + np.arange(rows.stop - rows.start)
    return {"position_ids": position_ids}


def seen_choices(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Choices see the choices before them."""
    until = layout.until.copy()
    for spots in choices:
        until[spots[0].start : spots[-1].stop] = spots[-1].stop - 1
    return {"until": until}


def seen_questions(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Items see the questions before them."""
    until = layout.until.copy()
    for question in questions:
        until[question] = len(until) - 1
    return {"until": until}


def hidden_questions(layout: Pack, questions: list[slice], choices: list[list[slice]]) -> dict[str, NDArray[np.int64]]:
    """Choices don't see their question."""
    until = layout.until.copy()
    for question in questions:
        until[question] = question.stop - 1
    return {"until": until}


BREAKS: list[Break] = [
    late_start,
    late_choices,
    choices_in_a_row,
    seen_choices,
    seen_questions,
    hidden_questions,
]


def broken(wrong: Break) -> Callable[..., Pack]:
    """`lay_out` with one thing wrong."""

    def lay_out_wrong(items: list[Branched], start: int, ends: bool = True) -> Pack:
        layout = lay_out(items, start, ends=ends)
        questions, choices, row = [], [], 0
        for item in items:
            questions.append(slice(row, row := row + len(item.question)))
            choices.append([slice(row, row := row + len(choice) - (not ends)) for choice in item.choices])
        return dataclasses.replace(layout, **wrong(layout, questions, choices))

    return lay_out_wrong


WHOLE = ("llama", "gpt2")
"""With rotary and with learned positions: everything is tried with these, and with other kinds by turns."""
BROKEN = [
    pytest.param(kind, wrong, marks=[] if kind in WHOLE or (turn + number) % 3 == 0 else pytest.mark.nightly)
    for turn, kind in enumerate(PACKABLE)
    for number, wrong in enumerate(BREAKS)
]


@pytest.mark.parametrize(("kind", "wrong"), BROKEN)
def test_what_is_wrong_is_found(kind: str, wrong: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = in_dtype(kind, torch.bfloat16)
    monkeypatch.setattr(scoring, "lay_out", broken(wrong))
    assert scoring.can_pack(loaded, [[1]], [[[1]]]) is False


@covering(kind=["llama", "gemma2"], dtype=[torch.float32, torch.bfloat16, torch.float16], wrong=BREAKS)
def test_what_is_wrong_is_found_on_the_model_itself(
    kind: str, dtype: torch.dtype, wrong: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(model: Any) -> Any:
        raise NoCopyError("not today")

    loaded = in_dtype(kind, dtype)
    monkeypatch.setattr(choosing, "cut_down", refuses)
    monkeypatch.setattr(scoring, "lay_out", broken(wrong))
    assert scoring.can_pack(loaded, [[1]], [[[1]]]) is False


DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def by_pairs(cases: Sequence[Any]) -> list[Any]:
    """Kinds, dtypes and cases, so that each two of them are seen together; of `WHOLE` each case in each dtype.

    On a push a case in a dtype is tried with one of `WHOLE`, and with the other at night: rounding does not depend on
    where positions come from.
    """
    found = []
    for turn, kind in enumerate(PACKABLE):
        for number, case in enumerate(cases):
            own = (turn + number) % len(DTYPES)
            if kind not in WHOLE:
                found.append(pytest.param(kind, DTYPES[own], case))
                continue
            for place, dtype in enumerate(DTYPES):
                pushed = (WHOLE.index(kind) + number * len(DTYPES) + place) % len(WHOLE) == 0
                found.append(pytest.param(kind, dtype, case, marks=[] if pushed else pytest.mark.nightly))
    return found


@pytest.mark.parametrize(("kind", "dtype", "spread"), by_pairs([0.02, 0.1, 0.3]))
def test_honest_rounding_passes(kind: str, dtype: torch.dtype, spread: float) -> None:
    loaded = in_dtype(kind, dtype, initializer_range=spread)
    assert scoring.can_pack(loaded, [[1]], [[[1]]]) is True


@covering(strength=1, kind=BLOCKWISE, attention=["blocks", "joined"])
def test_kernels_that_round_elsewhere_pass(kind: str, attention: Any) -> None:
    loaded = dataclasses.replace(in_dtype(kind, torch.bfloat16), attention=attention)
    assert scoring.can_pack(loaded, [[1]], [[[1]]]) is True
    assert loaded.attention == attention


@pytest.mark.parametrize("window", [24, WINDOW])
def test_made_up_items_are_ragged_and_fit(window: int) -> None:
    loaded = tiny("mistral", sliding_window=window)
    heads, tails = made_up_items(loaded)
    assert shared_prefix(heads) >= min(16, window // 2)
    assert len({len(head) for head in heads}) > 2
    lengths = {len(choice) for choices in tails for choice in choices}
    assert min(lengths) == 1
    assert len(lengths) > 3
    assert all(len(choices) >= 2 for choices in tails)
    assert (
        max(len(head) + len(choice) for head, choices in zip(heads, tails, strict=True) for choice in choices) <= window
    )
    special = {VOCABULARY[token] for token in ("<s>", "</s>", "<unk>")}
    assert not special & {token for ids in [*heads, *chain(*tails)] for token in ids}


def test_scores_that_are_no_numbers_do_not_agree() -> None:
    loaded = tiny()
    right, nan = np.array([1.0, 2.0]), np.array([1.0, np.nan])
    assert disagreement(loaded, lambda: right, lambda: right, lambda: right) is None
    assert (
        disagreement(loaded, lambda: right, lambda: right, lambda: nan) == "1 of its scores are finite, 2 of plain ones"
    )
    assert disagreement(loaded, lambda: nan, lambda: nan, lambda: nan) is None
    assert disagreement(loaded, lambda: nan * np.nan, lambda: nan * np.nan, lambda: right) is not None


def test_a_model_that_this_machine_cannot_run_is_refused_in_one_line() -> None:
    def plain() -> NDArray[np.float64]:
        raise RuntimeError("no kernel\nfor int8 here")

    with pytest.raises(UphillError, match=r"cannot run the model: RuntimeError: no kernel for int8 here$"):
        disagreement(tiny(), plain, plain, plain)


def test_a_tokenizer_of_few_tokens_is_enough() -> None:
    loaded = tiny()
    loaded = dataclasses.replace(loaded, tokenizer=word_tokenizer(bos=False))
    assert scoring.can_pack(loaded, [[1]], [[[1]]]) is True
