"""The directions that probes find on two levels: probes are fitted anew to halves of the draws that were trained on."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uphill import registry
from uphill.engine.passes import ResponseTable
from uphill.methods.probe import Settings
from uphill.schemas.level_names import is_mix
from uphill.stats.angles import Angles, angles
from uphill.tables.table import Inputs

if TYPE_CHECKING:
    from uphill.randomness import Key

AS_ALIKE = 0.9
"""Two levels have one direction where theirs are so alike, of 1 for draws of one level."""
UNNAMED = ("middle", "last")
"""The published two states, where the pass does not number them."""
FEWEST = 4
"""Training items of a draw that can be cut in halves to fit."""
COLUMNS = [
    *("model", "dataset", "variable", "experiment", "method", "n_train", "layer", "level_a", "level_b", "boots"),
    *("across", "same", "chance", "alike", "alike_low", "alike_high", "one_direction", "circular"),
]


def angle_rows(inputs: Inputs) -> pd.DataFrame:
    """A row a probe, layer and pair of levels; `n_train` is that of a half."""
    found = []
    for model, dataset in sorted(inputs.states):
        asked = [one for one in inputs.own["splits"] if one[1] == dataset]
        rows = inputs.predictions[inputs.predictions["method"].isin(inputs.own["probes"])]
        rows = rows[(rows["model"] == model) & (rows["dataset"] == dataset)]
        if len(rows):
            table = read_states(inputs.states[model, dataset])
            found += [row for one in asked for row in _of_slice(one, rows, table, inputs)]
    return pd.DataFrame(found, columns=COLUMNS)


def read_states(paths: Mapping[str, str]) -> ResponseTable:
    """A zero-shot pass.

    Args:
        paths: its files, each with the identity that it must have.
    """
    [identity] = set(paths.values())
    return ResponseTable.read(list(paths), identity)


def _of_slice(
    named: Sequence[str], rows: pd.DataFrame, table: ResponseTable, inputs: Inputs
) -> Iterator[dict[str, Any]]:
    assert inputs.drawn is not None, "the table reads states"
    experiment, dataset, variable, split = named
    drawn, own = inputs.drawn, rows[(rows["experiment"] == experiment) & (rows["variable"] == variable)]
    for column, value in (("dataset", dataset), ("variable", variable), ("split", split)):
        drawn = drawn[drawn[column] == value]
    order = [level for level in inputs.levels.get((dataset, variable), ()) if not is_mix(level)]
    for (model, method), mine in own.groupby(["model", "method"], sort=True):
        size = int(mine["n_train"].max())
        settings = registry.strict(Settings, inputs.own["probes"][method])
        # The largest size that an experiment trains on, of which its smaller ones are the first.
        used = drawn[drawn["rank"] < size]
        levels = [level for level in order if level in set(used["train_on"])]
        if size < FEWEST or len(levels) < 2:
            continue
        said = {"model": model, "dataset": dataset, "variable": variable, "experiment": experiment, "method": method}
        alike = inputs.study.circular.get((model, dataset, variable))
        circular = "" if alike is None else "model and method" if method in alike else "model"
        for layer, states in _layers(table, settings):
            found = directions(states, table, used, levels, _answers(dataset, inputs), settings, inputs.study.seed)
            for place, easier in enumerate(levels):
                for harder in levels[place + 1 :]:
                    of = angles(found[easier], found[harder], inputs.study.coverage)
                    yield {
                        **said,
                        **{"n_train": size // 2, "layer": layer, "level_a": easier, "level_b": harder},
                        **{"boots": len(found[easier]), "across": of.across, "same": of.same, "chance": of.chance},
                        **{"alike": of.alike, "alike_low": of.low, "alike_high": of.high},
                        **{"one_direction": one_direction(of), "circular": circular},
                    }


def one_direction(found: Angles) -> str:
    """Whether two levels have one direction: yes or no where the whole interval says so."""
    if found.low >= AS_ALIKE:
        return "yes"
    return "no" if found.high < AS_ALIKE else "cannot tell"


def _answers(dataset: str, inputs: Inputs) -> "pd.Series[Any]":
    answers: pd.Series[Any] = inputs.columns[dataset]["answer_idx"]
    return answers


def _layers(table: ResponseTable, settings: Settings) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each state that the probe reads, by its number, and [N, M, D] of it."""
    if table.layers:
        for layer in settings.layers or table.layers:
            yield str(layer), table.states_of([layer])
    else:
        width = table.states.shape[-1] // len(UNNAMED)
        for place, name in enumerate(UNNAMED):
            yield name, table.states[..., place * width : (place + 1) * width]


def directions(
    states: NDArray[Any],
    table: ResponseTable,
    drawn: pd.DataFrame,
    levels: Sequence[str],
    answers: "pd.Series[Any]",
    settings: Settings,
    seed: int,
) -> dict[str, NDArray[np.float64]]:
    """By level, [draws, 2, D] the weights of probes on halves of its draws, on features of one scale for all.

    Items of even ranks are one half, those of odd ranks the other; an odd one over is left out. Ranks are drawn.

    Args:
        states: [N, M, D] of one layer.
        table: whose they are.
        drawn: rows dataset, variable, train_on, boot, item_id, rank of training items.
        levels: that are asked for.
        answers: the right choice of each item, by id.
        settings: of the probe.
        seed: the run's seed.
    """
    from uphill.engine.probes import Features, fit_probes  # imports torch, which reading a config must not

    rows, gold, keys, names = [], [], list["tuple[Key, ...]"](), []
    for level in levels:
        own = drawn[drawn["train_on"] == level]
        for boot, cell in own.sort_values("rank").groupby("boot", sort=True):
            items = cell["item_id"].tolist()
            items = items[: len(items) // 2 * 2]
            for half in range(2):
                rows.append(table.rows(items[half::2]))
                gold.append(answers.loc[items[half::2]].to_numpy(dtype=np.int64))
                keys.append((*cell[["dataset", "variable"]].iloc[0], level, int(str(boot)), half, seed))
                names.append(level)
    probes = fit_probes(Features(states, table.exists), rows, gold, keys, settings, loss=settings.loss)
    scaled = (probes.weight / probes.std).cpu().numpy().astype(np.float64)
    used = np.unique(np.concatenate(rows))
    scale = states[used][table.exists[used]].astype(np.float64).std(axis=0, ddof=1)
    own_scale = np.where(scale > 0.0, scale, 1.0)
    weights = (scaled * own_scale).reshape(-1, 2, scaled.shape[1])
    return {level: weights[[name == level for name in names[::2]]] for level in levels}
