"""Which hidden states are read: by a probe, of those that a pass kept."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_config import check, default
from test_responding import response_table

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError

WIDTH = 3


def kept(*layers: int) -> ResponseTable:
    """Two items; the states of layer l are the numbers 100 l, 100 l + 1, ... of each choice."""
    table = response_table([[-1.0, -2.0], [-1.0, -3.0, -2.0]])
    each = [np.arange(WIDTH) + 100 * layer for layer in layers]
    states = np.broadcast_to(np.concatenate(each), (*table.exists.shape, WIDTH * len(layers)))
    return replace(table, states=states.astype(np.float32), layers=tuple(layers))


def test_states_of_some_layers_are_theirs_in_the_order_asked() -> None:
    table = kept(6, 16, 30)
    assert table.states_of(None) is table.states
    assert table.states_of([16])[0, 0].tolist() == [1600, 1601, 1602]
    assert table.states_of([30, 6])[1, 2].tolist() == [3000, 3001, 3002, 600, 601, 602]
    assert table.states_of([6, 16, 30]).tolist() == table.states.tolist()


@pytest.mark.parametrize(("layers", "known"), [((6, 16), "6, 16"), ((), "the published two")])
def test_a_state_that_was_not_kept_is_named(layers: tuple[int, ...], known: str) -> None:
    table = kept(*layers) if layers else response_table([[-1.0, -2.0]])
    with pytest.raises(UphillError, match=f"hidden state 30 was not kept, expected one of responses.layers: {known}"):
        table.states_of([30])


def alone(raw: dict[str, Any]) -> dict[str, Any]:
    """Without the teacher, who has fewer layers."""
    raw["weak_to_strong"] = []
    return raw


@pytest.mark.parametrize("where", ["methods.probe", "measures.mdl_probe"])
@pytest.mark.parametrize(("responses", "known"), [({"layers": [1, 3]}, "1, 3"), ({}, "null: name those")])
def test_a_config_that_reads_a_layer_which_it_does_not_keep_is_refused(
    where: str, responses: dict[str, Any], known: str
) -> None:
    raw = alone(default())
    group, name = where.split(".")
    raw[group][name]["layers"] = [2]
    raw["responses"] = responses
    with pytest.raises(UphillError, match=rf"{where}\.layers is 2, expected of responses\.layers, which is {known}"):
        check(raw, where="mine.yaml")
    raw["responses"] = {"layers": [2, 4]}
    check(raw, where="mine.yaml")
