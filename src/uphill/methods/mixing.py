"""Training items of several datasets in one cell, or put in several ways: each as its own dataset and form put it."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from uphill.engine.passes import ResponseTable
from uphill.methods.context import Cell, Context, Source
from uphill.prompts.templates import PromptFormat
from uphill.randomness import keyed_rng
from uphill.schemas.items import ITEMS
from uphill.schemas.mixtures import parts_of

OF, ITEM = "of_dataset", "of_item"
"""Columns of a mixture's items: which dataset each is of, and its id there; ids of two datasets may be the same."""
KNOWN = [name for name in ITEMS.schema.names if name != "item_id"]
T = TypeVar("T")


@dataclass(frozen=True)
class Mixture(Source):
    """Several datasets that are trained on together, as one.

    Attributes:
        items: those that some cell trains on, by dataset and id, with the columns `OF` and `ITEM`.
        splits: their rows, each dataset's own in its order, in turns.
        parts: the datasets by name.
    """

    parts: Mapping[str, Source] = field(default_factory=dict)

    def prompt_format(self, cot: bool) -> PromptFormat:  # noqa: ARG002 - as of a source
        """None: its items are put as `together` puts them."""
        raise AssertionError("a mixture has no form of its own")

    @cached_property
    def responses(self) -> ResponseTable:
        """The model's zero-shot responses to its items."""
        rows = self.items.groupby(OF, sort=False)
        return joined({str(name): (self.parts[str(name)].responses, list(own[ITEM])) for name, own in rows})


def mixed(name: str, sources: Mapping[str, Source], variable: str, seed: int) -> Source:
    """A dataset, or several by the name of their mixture.

    Of each level and boot the datasets' own draws are taken in turns: a turn has as many items of each as its share
    says, in an order drawn by a key. So any first few items have the stated shares, to within one turn.

    Args:
        name: of a source, or of a mixture of them.
        sources: by name.
        variable, seed: part of the key of the order.
    """
    if name in sources:
        return sources[name]
    shares = parts_of(name)
    parts = {part: sources[part] for part in shares}
    cells = next(iter(parts.values())).trained()
    assert all(set(one.trained()) == set(cells) for one in parts.values()), "the config checks that levels agree"
    rows = pd.concat([_in_turns(name, parts, shares, cell, variable, seed) for cell in cells], ignore_index=True)
    chosen = rows.drop_duplicates("item_id")
    items = pd.concat([_known(parts[str(part)], own) for part, own in chosen.groupby(OF, sort=False)])
    first = next(iter(parts.values()))
    return Mixture(
        name=name,
        items=items.rename_axis("item_id"),
        splits=rows.drop(columns=[OF, ITEM]),
        prompt=first.prompt,
        cot_prompt=first.cot_prompt,
        max_new_tokens=first.max_new_tokens,
        states=first.states,
        parts=parts,
    )


def _known(part: Source, rows: pd.DataFrame) -> pd.DataFrame:
    """Items of a part, by dataset and id, with the columns that every dataset has."""
    own = part.items.loc[rows[ITEM]].filter(items=KNOWN)
    return own.assign(**{OF: part.name, ITEM: list(rows[ITEM])}).set_axis(rows["item_id"].to_numpy())


def _in_turns(
    name: str, parts: Mapping[str, Source], shares: Mapping[str, int], cell: tuple[str, int], variable: str, seed: int
) -> pd.DataFrame:
    """Training items of a level and boot: as many turns as every dataset has items for, and what is left of one."""
    train_on, boot = cell
    drawn = {part: iter(source.drawn(train_on, boot, "train").to_dict("records")) for part, source in parts.items()}
    turn = [part for part, share in shares.items() for _ in range(share)]
    found: list[dict[Hashable, Any]] = []
    rng = keyed_rng("mixture", name, variable, train_on, boot, seed)
    while True:
        for place in rng.permutation(len(turn)):
            row = next(drawn[turn[place]], None)
            if row is None:
                rows = pd.DataFrame(found)
                return rows.assign(rank=range(len(rows)))
            part, item = turn[place], row["item_id"]
            found.append({**row, "item_id": f"{part}/{item}", OF: part, ITEM: item})


def joined(tables: Mapping[str, tuple[ResponseTable, Sequence[str]]]) -> ResponseTable:
    """Responses to some items of several datasets, whose ids become dataset/id; of fewer choices, the rest is none."""
    taken = {name: (table, table.rows(ids)) for name, (table, ids) in tables.items()}
    most = max(table.exists.shape[1] for table, _ in taken.values())

    def wide(values: Any, fill: float) -> Any:
        more = [(0, 0), (0, most - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
        return np.pad(values, more, constant_values=fill)

    def all_of(column: str, fill: float) -> Any:
        return np.concatenate([wide(getattr(table, column)[rows], fill) for table, rows in taken.values()])

    first, _ = next(iter(taken.values()))
    return replace(
        first,
        item_ids=[f"{name}/{item}" for name, (_, ids) in tables.items() for item in ids],
        logprob=all_of("logprob", -np.inf),
        n_tokens=all_of("n_tokens", 0),
        exists=all_of("exists", False),
        states=all_of("states", 0),
    )


def together(
    context: Context,
    cell: Cell,
    items: pd.DataFrame,
    put: Callable[[Source, pd.DataFrame], Sequence[T]],
    templates: Sequence[str] = (),
) -> list[T]:
    """What `put` makes of a cell's training items, each by its own dataset, in the items' order.

    Args:
        context, cell: whose items they are.
        items: as `Context.train_items` gives them.
        put: what is made of items of one dataset in one form, one by one.
        templates: forms, of which a draw keyed by dataset and item gives each item one; none for the dataset's own.
    """
    found: dict[int, T] = {}
    for source, places in _alike(context.source(cell), items, templates, context.seed):
        found |= dict(zip(places, put(source, items.iloc[places]), strict=True))
    return [found[place] for place in range(len(items))]


def _alike(
    source: Source, items: pd.DataFrame, templates: Sequence[str], seed: int
) -> Iterator[tuple[Source, list[int]]]:
    """Items that are of one dataset and in one form: how they are put, and their places."""
    parts = source.parts if isinstance(source, Mixture) else {source.name: source}
    of = list(items[OF]) if isinstance(source, Mixture) else [source.name] * len(items)
    ids = list(items[ITEM]) if isinstance(source, Mixture) else list(items.index)
    ways: dict[tuple[str, str | None], list[int]] = {}
    for place, (dataset, item) in enumerate(zip(of, ids, strict=True)):
        ways.setdefault((dataset, drawn_form(dataset, item, templates, seed)), []).append(place)
    for (dataset, template), places in ways.items():
        one = parts[dataset]
        yield one if template is None else replace(one, prompt=one.forms[template]), places


def drawn_form(dataset: str, item: str, templates: Sequence[str], seed: int) -> str | None:
    """The form that a training item is put in, the same in every cell; None for its dataset's own."""
    if not templates:
        return None
    return templates[int(keyed_rng("train_prompt", dataset, item, seed).integers(len(templates)))]
