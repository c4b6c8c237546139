"""Stress: items changed so that training data mislead, each item by draws of its own key (after Canavan et al. 2026).

Three changes, each at one rate for what is trained on and another for what is tested. The test pool is tested; items of
every other pool are trained on. Which items there are, and their metadata, stay: levels of difficulty are those of the
unchanged set, and two datasets of one source are compared item by item.

Columns say what was done: `stress` names the changes, and each has a column of its own by which tables can be cut.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Annotated, Any, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from uphill.errors import UphillError
from uphill.randomness import Key, keyed_rng, keyed_seed
from uphill.running.noting import STRESS, note
from uphill.schemas.names import AGREES, AT_PLACE, IMPOSSIBLE, TEST_POOL

Rate = Annotated[float, Field(ge=0, le=1)]
CHOICE = "{choice}"
COLUMNS = ("stress", AT_PLACE, "published_order", AGREES, IMPOSSIBLE, "answers_of")
"""What a stressed table may have beside a dataset's own columns."""
BY_PLACE = re.compile(
    r"\bthe above\b|\b(all|none|both|neither|either|any) of (the|these|those|them)\b|\b(both|neither|either)\b"
    r"|^\W*[A-J]\W*$|\b[A-J]\W* (and|or|&) \W*[A-J]\b|\b(choice|option|answer)s? [A-J]\b",
    re.IGNORECASE,
)
"""What speaks of other choices, or of their letters: its item's choices keep their places."""


class Rates(BaseModel):
    """How much of what is trained on, and of what is tested, is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: Rate = Field(description="Share of items that are trained on,")
    test: Rate = Field(description="and of the test pool.")

    def of(self, pool: str) -> float:
        """The rate of a pool."""
        return self.test if pool == TEST_POOL else self.train


class Skew(Rates):
    """Labels of which one is much more frequent in training than in the test."""

    to: Annotated[str, Field(pattern="^([A-J]|true|false)$")] = Field(
        description="The letter of the place to which the right choice is moved at the rate, by changing places with "
        "the choice there; or, of a set with `binary`, true or false, which is then right at the rate."
    )


class Feature(Rates):
    """A mark on one choice, which is the right one at one rate in training and at another in the test."""

    marked: str = Field(description="How that choice is written, such as `{choice}!`, and")
    unmarked: str = Field(description="how every other is; of as many tokens, so that length says nothing.")

    @field_validator("marked", "unmarked")
    @classmethod
    def _of_a_choice(cls, written: str) -> str:
        if written.count(CHOICE) != 1 or re.search("[{}]", written.replace(CHOICE, "")):
            raise ValueError(f"is {written!r}, expected a text with {CHOICE} once and no other braces")
        return written

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.marked.strip() == self.unmarked.strip():
            raise ValueError(f"marked and unmarked are both {self.marked!r}, expected two texts")
        if len(self.marked.split()) != len(self.unmarked.split()):
            raise ValueError(
                f"marked is {self.marked!r} and unmarked {self.unmarked!r}, expected as many words: length would tell"
            )
        return self


class Impossible(Rates):
    """Items whose answers are those of another item, so that nothing in the question tells the right one."""


class Stress(BaseModel):
    """What a dataset's items are changed by; the changes add up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    skew: Skew | None = Field(None, description="Skewed labels.")
    feature: Feature | None = Field(None, description="A salient feature.")
    impossible: Impossible | None = Field(None, description="Items without an answer of their own.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.skew is None and self.feature is None and self.impossible is None:
            raise ValueError("is empty, expected skew, feature or impossible")
        return self

    def misfit(self, binary: bool, generative: bool, tested: bool) -> str | None:
        """Why it cannot be done to a set, or None.

        Args:
            binary: whether the set's questions are made true or false.
            generative: whether its answers are written.
            tested: whether it has a test pool.
        """
        if not tested:
            return "expected pools.test beside it: what is tested is changed otherwise than what is trained on"
        for key in ("skew", "feature"):
            if generative and getattr(self, key) is not None:
                return f"has {key}, expected a source with choices: its answers are written"
        if self.skew is not None and (self.skew.to in ("true", "false")) != binary:
            return f"has skew.to {self.skew.to!r}, expected {'true or false' if binary else 'a letter'}"
        return None


def uniform(change: str, item: str, seed: int) -> float:
    """The number in [0, 1) that is held against a rate: of a change and an item, whatever the rate or the dataset.

    So an item that is changed at some rate is changed at every larger one.
    """
    return float(keyed_rng("stress", change, item, seed).random())


Binary = Callable[[pd.DataFrame, Callable[[Mapping[str, Any]], float]], pd.DataFrame]


def stressed(items: pd.DataFrame, stress: Stress, binary: Binary | None, seed: int, where: str) -> pd.DataFrame:
    """Items with pools, changed.

    Args:
        items: N checked rows with their pools.
        stress: what is done.
        binary: makes items true or false, true at the rate that it is given for an item; None where they stay.
        seed: the run's seed.
        where: how error messages name the items.

    Raises:
        UphillError: a column is already called as one that says what was done, no label can be skewed, or an item that
            is to be impossible finds no other answers.
    """
    taken = [name for name in COLUMNS if name in items]
    if taken:
        raise UphillError(f"{where}: has a column {taken[0]!r}, expected none: stress writes it")
    done = pd.Series([[] for _ in range(len(items))], index=items.index)
    if stress.impossible is not None:
        items = _impossible(items, stress.impossible, seed, where)
        _say(done, items[IMPOSSIBLE], "impossible")
    if binary is not None:
        items = binary(items, lambda row: _share_true(row, stress))
        if stress.skew is not None:
            items = items.assign(**{AT_PLACE: [text == stress.skew.to for text in items["answer_text"]]})
            _say(done, pd.Series(True, index=items.index), "skew")
    elif stress.skew is not None:
        items = _skewed(items, stress.skew, seed, where)
        _say(done, items["published_order"] != "", "skew")
    if stress.feature is not None:
        items = _marked(items, stress.feature, seed)
        _say(done, pd.Series(True, index=items.index), "feature")
    return items.assign(stress=["+".join(names) or "none" for names in done])


def _say(done: "pd.Series[Any]", which: "pd.Series[Any]", name: str) -> None:
    for place in done.index[which.to_numpy(dtype=bool)]:
        done[place].append(name)


def _share_true(row: Mapping[str, Any], stress: Stress) -> float:
    if stress.skew is None:
        return 0.5
    rate = stress.skew.of(row["pool"])
    return rate if stress.skew.to == "true" else 1.0 - rate


def _impossible(items: pd.DataFrame, asked: Impossible, seed: int, where: str) -> pd.DataFrame:
    """With answers of other items of the same pool, none of which is the item's own right one.

    Within its pool, so that no training item holds what a tested one is asked.
    """
    rows = {row["item_id"]: row for row in items.to_dict("records")}
    order: dict[str, list[str]] = {}
    for item in sorted(rows, key=lambda item: keyed_seed("stress", "answers of", item, seed)):
        order.setdefault(rows[item]["pool"], []).append(item)
    place = {item: number for members in order.values() for number, item in enumerate(members)}
    donors: dict[str, str] = {}
    for item, row in rows.items():
        if uniform("impossible", item, seed) < asked.of(row["pool"]):
            donors[item] = _donor(row, order[row["pool"]], place[item], rows, where)
    taken: dict[str, list[Any]] = {
        name: [rows[donors.get(item, item)][name] for item in rows]
        for name in ("choices", "answer_idx", "answer_text", "reasoning")
    }
    said = {IMPOSSIBLE: [item in donors for item in rows], "answers_of": [donors.get(item, "") for item in rows]}
    return items.assign(**taken, **said)


def _donor(
    row: Mapping[str, Any], members: Sequence[str], place: int, rows: Mapping[str, Mapping[str, Any]], where: str
) -> str:
    """The next item in a drawn order whose answers do not hold the right one of `row`."""
    own = _right(row)
    for other in (*members[place + 1 :], *members[:place]):
        offered = list(rows[other]["choices"]) or [rows[other]["answer_text"]]
        if own not in {_folded(text) for text in offered}:
            return other
    raise UphillError(
        f"{where}: item {row['item_id']!r} is to be impossible, and every other of its pool {row['pool']!r} offers its "
        f"answer {own!r}; expected items of different answers"
    )


def _right(row: Mapping[str, Any]) -> str:
    return _folded(row["choices"][row["answer_idx"]] if len(row["choices"]) else row["answer_text"])


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _skewed(items: pd.DataFrame, skew: Skew, seed: int, where: str) -> pd.DataFrame:
    """With the right choice at the place `to` at the rate, else at one of the others; the items stay the same."""
    if len({frozenset(map(_folded, choices)) for choices in items["choices"]}) == 1 < len(items):
        raise UphillError(
            f"{where}: every item has the same choices, expected others, or binary: true, to skew labels: where a "
            "choice stands does not change how frequently it is right"
        )
    target, left = ascii_uppercase.index(skew.to), 0
    choices, answers, orders = [], [], []
    for row in items.to_dict("records"):
        own, gold, order = list(row["choices"]), int(row["answer_idx"]), ""
        if target >= len(own) or any(BY_PLACE.search(text) for text in own):
            left += 1
        else:
            there = uniform("skew", row["item_id"], seed) < skew.of(row["pool"])
            others = [place for place in range(len(own)) if place != target]
            drawn = others[_drawn(len(others), "skew to", row["item_id"], seed)]
            own, gold, order = _moved(own, gold, target if there else drawn)
        choices.append(own)
        answers.append(gold)
        orders.append(order)
    if left == len(items):
        raise UphillError(
            f"{where}: stress.skew moves no item's choices, expected some of {skew.to!r} and more choices"
        )
    if left:
        note(f"{STRESS}{left:,} of {len(items):,} items of {where}")
    at = [gold == target for gold in answers]
    return items.assign(choices=choices, answer_idx=answers, published_order=orders, **{AT_PLACE: at})


def _moved(choices: list[str], gold: int, to: int) -> tuple[list[str], int, str]:
    """Choices with the right one and the one at `to` in each other's places, and where each was, counted from 0."""
    order = list(range(len(choices)))
    order[gold], order[to] = order[to], order[gold]
    return [choices[place] for place in order], to, " ".join(map(str, order))


def _marked(items: pd.DataFrame, feature: Feature, seed: int) -> pd.DataFrame:
    """With one choice marked: the right one at the rate, else one of the others."""
    choices, agree = [], []
    for row in items.to_dict("records"):
        own, gold = list(row["choices"]), int(row["answer_idx"])
        agrees = uniform("feature", row["item_id"], seed) < feature.of(row["pool"])
        others = [place for place in range(len(own)) if place != gold]
        chosen = gold if agrees else others[_drawn(len(others), "feature on", row["item_id"], seed)]
        forms = [feature.marked if place == chosen else feature.unmarked for place in range(len(own))]
        choices.append([form.replace(CHOICE, text) for form, text in zip(forms, own, strict=True)])
        agree.append(agrees)
    return items.assign(choices=choices, **{AGREES: agree})


def _drawn(count: int, *key: Key) -> int:
    return int(keyed_rng("stress", *key).integers(count))
