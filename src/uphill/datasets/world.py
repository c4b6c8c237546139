"""The demo world: a seeded generator of graded questions about a walk on a ring of numbers.

A question gives a start value and 1 to 8 true steps (go up, go down, double, all modulo `RING`) among filler
sentences that change nothing, and asks where the walk ends. The number of true steps is the question's true difficulty.
How long the question is says nothing about it: the number of sentences is drawn without looking at the number of steps,
and steps and fillers have the same number of words.

Two domains, `dial` and `road`, tell the same arithmetic in words of their own.

A quarter of all possible question texts belong to evaluation (`is_held_out`), the rest to training text. `load` returns
only the former, so that no model trained on the latter has read a question that any seed of `load` can return.

There is one exception, made on purpose: a twentieth of the items of some tables (`REPEATED_TABLES`) is in the training
text of the demo models, word for word and answered right, so that who looks for contaminated items can be told whether
they were found. The column `in_training_text` says which they are.
"""

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import pandas as pd
from pydantic import BaseModel, Field

from uphill.datasets.repeated import REPEATED
from uphill.randomness import keyed_seed

RING = 20
MAX_STEPS = 8
MAX_AMOUNT = 7
SENTENCES = (8, 12)  # fewest and most steps and fillers of a question; the fewest holds MAX_STEPS
N_CHOICES = 4

DOUBLE = 0
_MOVES = [amount for amount in range(-MAX_AMOUNT, MAX_AMOUNT + 1) if amount]
# A step is +n (up), -n (down) or DOUBLE. Drawn uniformly from this table, one in four is DOUBLE.
STEP_TABLE = (*_MOVES * 3, *[DOUBLE] * (2 * MAX_AMOUNT))


DomainName = Literal["dial", "road"]


@dataclass(frozen=True)
class Domain:
    """The words of one domain. All steps and fillers are two words, and on average about equally many characters."""

    name: str
    start: str
    up: str
    down: str
    double: str
    fillers: tuple[str, ...]
    ask: str
    chain_up: str
    chain_down: str
    chain_double: str

    def step(self, step: int) -> str:
        """The sentence that tells one step."""
        if step == DOUBLE:
            return self.double
        return self.up.format(step) if step > 0 else self.down.format(-step)

    def link(self, before: int, step: int, after: int) -> str:
        """The sentence of a reasoning chain for one step."""
        if step == DOUBLE:
            return self.chain_double.format(before, after)
        template = self.chain_up if step > 0 else self.chain_down
        return template.format(before, abs(step), after)


DOMAINS: dict[DomainName, Domain] = {
    "dial": Domain(
        name="dial",
        start="The dial points at {}.",
        up="Raise {}.",
        down="Lower {}.",
        double="Double it.",
        fillers=("It hums.", "It pops.", "It taps.", "It ticks."),
        ask="Where does it point?",
        chain_up="{} raised {} is {}.",
        chain_down="{} lowered {} is {}.",
        chain_double="{} doubled is {}.",
    ),
    "road": Domain(
        name="road",
        start="This cart leaves mile {}.",
        up="Eastward {}.",
        down="Westward {}.",
        double="Twice that.",
        fillers=("Birds sing.", "Rain falls.", "Winds blow.", "Bells ring."),
        ask="Which mile now?",
        chain_up="{} eastward {} makes {}.",
        chain_down="{} westward {} makes {}.",
        chain_double="{} twice makes {}.",
    ),
}


def advance(value: int, step: int) -> int:
    """The value after one step."""
    return (2 * value if step == DOUBLE else value + step) % RING


@dataclass(frozen=True)
class Walk:
    """A start value in 0..RING-1 and the steps taken from it."""

    start: int
    steps: tuple[int, ...]

    def total(self) -> int:
        """Where the walk ends."""
        value = self.start
        for step in self.steps:
            value = advance(value, step)
        return value

    def without(self, index: int) -> "Walk":
        """The walk of somebody who forgets step `index`."""
        return Walk(self.start, self.steps[:index] + self.steps[index + 1 :])

    def chain(self, domain: Domain) -> str:
        """Written reasoning: a sentence a step, the last one ends in the total. Without any step, an empty string."""
        sentences, value = [], self.start
        for step in self.steps:
            after = advance(value, step)
            sentences.append(domain.link(value, step, after))
            value = after
        return " ".join(sentences)


@dataclass(frozen=True)
class GradedQuestion:
    """One question with everything that may be said about it. `choices` are distinct and hold `truth` and `lure`."""

    domain: Domain
    walk: Walk
    question: str
    choices: tuple[int, ...]
    truth: int
    lure: int

    @property
    def num_steps(self) -> int:
        """The number of true steps: the true difficulty."""
        return len(self.walk.steps)

    def reasoning(self) -> str:
        """The right chain; it ends in the truth."""
        return self.walk.chain(self.domain)

    def careless_reasoning(self) -> str:
        """The chain that forgets the first step; it ends in the lure. If that was the only step, it says the start."""
        return self.walk.without(0).chain(self.domain) or self.domain.start.format(self.lure)


def is_held_out(question: str) -> bool:
    """Whether a question text is kept for evaluation (one text in four is), by a checksum of the text."""
    return zlib.crc32(question.encode()) % 4 == 0


def draw(rng: random.Random, domain: Domain, num_steps: int, held_out: bool) -> GradedQuestion:
    """One question with `num_steps` true steps, whose text is on the asked side of `is_held_out`.

    Raises:
        ValueError: `num_steps` is not in 1..MAX_STEPS.
    """
    if not 1 <= num_steps <= MAX_STEPS:
        raise ValueError(f"num_steps = {num_steps}: expected 1 to {MAX_STEPS}")
    walk = _draw_walk(rng, num_steps)
    while is_held_out(question := _tell(rng, domain, walk)) != held_out:
        pass
    truth, lure = walk.total(), walk.without(0).total()
    return GradedQuestion(domain, walk, question, _draw_choices(rng, walk, truth, lure), truth, lure)


def _draw_walk(rng: random.Random, num_steps: int) -> Walk:
    """A walk whose total changes when its first step is forgotten (else the lure would be the truth)."""
    while True:
        walk = Walk(rng.randrange(RING), tuple(rng.choices(STEP_TABLE, k=num_steps)))
        if walk.total() != walk.without(0).total():
            return walk


def _tell(rng: random.Random, domain: Domain, walk: Walk) -> str:
    """The question text: the steps in order, fillers at random places among them."""
    sentences = rng.choices(domain.fillers, k=rng.randint(*SENTENCES))
    places = sorted(rng.sample(range(len(sentences)), len(walk.steps)))
    for place, step in zip(places, walk.steps, strict=True):
        sentences[place] = domain.step(step)
    return " ".join([domain.start.format(walk.start), *sentences, domain.ask])


def _draw_choices(rng: random.Random, walk: Walk, truth: int, lure: int) -> tuple[int, ...]:
    """The truth, the lure, totals that forget one later step as far as there are any, else any values; shuffled."""
    slips = {walk.without(i).total() for i in range(1, len(walk.steps))} - {truth, lure}
    others = set(range(RING)) - slips - {truth, lure}
    chosen = [truth, lure, *rng.sample(sorted(slips), min(len(slips), N_CHOICES - 2))]
    chosen += rng.sample(sorted(others), N_CHOICES - len(chosen))
    rng.shuffle(chosen)
    return tuple(chosen)


class Settings(BaseModel, extra="forbid", frozen=True):
    """What decides a table of the demo world.

    `generative` leaves the choices out: the answer is to be written.
    """

    domain: DomainName
    n_items: int = Field(ge=1, le=1_000_000)
    seed: int = Field(ge=0, le=2**32 - 1)
    generative: bool = False


REPEATED_TABLES = (
    Settings(domain="dial", n_items=2000, seed=11),
    Settings(domain="road", n_items=2000, seed=12),
    Settings(domain="dial", n_items=720, seed=14),
    Settings(domain="dial", n_items=2400, seed=15),
)
"""The tables of config/config.yaml and config/demo-all.yaml with choices. Another number of items makes other items."""
REPEATED_SHARE = 1 / 20


def is_repeated(question: str) -> bool:
    """Whether a question text is one that training text repeats, if it is in one of `REPEATED_TABLES`.

    By a hash that knows nothing of `is_held_out`: two checksums of one text would go together.
    """
    return repetition_key(question) < REPEATED_SHARE * 2**128


def repetition_key(question: str) -> int:
    """The number of 128 bits that decides whether a text is repeated."""
    return keyed_seed("repeated in training text", question)


def was_read(question: str) -> bool:
    """Whether training text repeats a question text, without drawing any table."""
    return f"{repetition_key(question) >> 64:016x}" in REPEATED


@cache
def repeated() -> tuple[GradedQuestion, ...]:
    """The items that training text repeats: about `REPEATED_SHARE` of `REPEATED_TABLES`, each question once."""
    items = [item for table in REPEATED_TABLES for item in _unique(table) if is_repeated(item.question)]
    return tuple({item.question: item for item in items}.values())


def load(settings: Settings) -> pd.DataFrame:
    """The items of `settings`: `n_items` rows, question texts unique, `num_steps` as even over 1..MAX_STEPS as can be.

    Columns: item_id, question, choices (four strings; none when generative), answer_idx (Int64; missing when
    generative), answer_text, reasoning, num_steps, domain, in_training_text (whether the demo models have read the item
    with its right answer, in a table of `REPEATED_TABLES`).
    """
    items = list(_unique(settings))
    truths = [str(item.truth) for item in items]
    choices = [[] if settings.generative else [str(choice) for choice in item.choices] for item in items]
    answers = [None if settings.generative else item.choices.index(item.truth) for item in items]
    return pd.DataFrame(
        {
            "item_id": [f"{settings.domain}-{i:05d}" for i in range(len(items))],
            "question": [item.question for item in items],
            "choices": choices,
            "answer_idx": pd.array(answers, dtype="Int64"),
            "answer_text": truths,
            "reasoning": [item.reasoning() for item in items],
            "num_steps": [item.num_steps for item in items],
            "domain": settings.domain,
            "in_training_text": [was_read(item.question) for item in items],
        }
    )


def _unique(settings: Settings) -> Iterator[GradedQuestion]:
    """Held-out questions, none twice. The domain is in the key: the two domains of one seed tell different walks."""
    rng = random.Random(f"{settings.domain}/{settings.seed}")
    seen: set[str] = set()
    steps = [i % MAX_STEPS + 1 for i in range(settings.n_items)]
    rng.shuffle(steps)
    for num_steps in steps:
        while (item := draw(rng, DOMAINS[settings.domain], num_steps, held_out=True)).question in seen:
            pass
        seen.add(item.question)
        yield item
