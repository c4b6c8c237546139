"""The demo model's training text: documents of solved questions of the demo world, in the library's prompt formats.

A document keeps to one *format* (multiple choice, short answer, written reasoning), to one range of numbers of steps
(all of them, or a few: easy throughout, hard throughout) and to one *kind*:

* careful: every answer is right;
* careless: the answers are the lure, the total of somebody who forgets the first step;
* marked: each answer is right half the time, and followed by a verdict, ` right` or ` wrong`.

Nothing but the truth of the answers tells careful from careless: formats, domains, numbers of steps and lengths are
drawn independently of the kind. So a reader cannot know at a document's first question which kind it is in, and a few
right answers tell. Marked documents teach to verify a written answer.

Where `repeated` is not 0, some documents *repeat* items of the experiments (`uphill.datasets.world.repeated`), multiple
choice and all answered right: contamination with a truth to be found. No other document holds a held-out question.
"""

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from uphill.datasets.world import DOMAINS, MAX_STEPS, Domain, GradedQuestion, draw
from uphill.demo_model.repeated import repeated_items
from uphill.prompts.templates import PromptFormat, Question, published

Kind = Literal["careful", "careless", "marked"]
FormatName = Literal["multiple_choice", "short_answer", "reasoning"]

FORMATS: dict[FormatName, PromptFormat] = {
    "multiple_choice": published("0040"),
    "short_answer": published("0306"),
    "reasoning": published("0305", cot=True),
}
MARKS = ("right", "wrong")


class TextSettings(BaseModel, extra="forbid", frozen=True):
    """What decides the training text, but for the seed. Shares and rates are probabilities."""

    multiple_choice: float = Field(default=0.76, ge=0, le=1)
    short_answer: float = Field(default=0.12, ge=0, le=1)
    marked: float = Field(default=0.45, ge=0, le=1)
    careful: float = Field(
        default=0.25, ge=0, le=1, description="share of careful documents among those not marked, in the end"
    )
    even: tuple[float, float] = Field(
        default=(0.15, 0.6), description="shares of the training between which that share is a half"
    )
    settled: float = Field(default=0.8, gt=0, le=1, description="share of the training from which `careful` holds")
    lure_rate: float = Field(default=1.0, ge=0, le=1, description="share of lures among a careless document's answers")
    mixed_domains: float = Field(default=0.3, ge=0, le=1)
    first_max_steps: int = Field(default=2, ge=1, le=MAX_STEPS)
    curriculum: float = Field(default=0.4, gt=0, le=1, description="share of the training in which the text grows hard")
    short_bias: float = Field(
        default=1.0, ge=0, description="chains of n steps are drawn in proportion to n ** -short_bias"
    )
    narrow: float = Field(
        default=0.3, ge=0, le=1, description="share of documents that keep to a range of steps of their own"
    )
    repeated: float = Field(
        default=0.0, ge=0, le=1, description="share of documents that repeat items of the experiments"
    )

    def max_steps(self, progress: float) -> int:
        """The longest chain at `progress` (0 at the start of training, 1 at its end)."""
        return self.first_max_steps + int(min(progress / self.curriculum, 1.0) * (MAX_STEPS - self.first_max_steps))

    def careful_share(self, progress: float) -> float:
        """The share of careful documents among those not marked at `progress`: all, then half, then `careful`.

        So the sums are learned first, from documents that are mostly right; then to tell careful from careless, which
        pays most while both are as frequent; at last, what to expect of a document's first answer.
        """
        return float(np.interp(progress, (0, *self.even, self.settled), (1, 0.5, 0.5, self.careful)))


def document(key: str, settings: TextSettings, progress: float) -> Iterator[tuple[str, str]]:
    """The solved examples of the document of a key, without end, each with the query that it completes.

    `progress` is how far the training has come (0 at its start, 1 at its end).
    """
    rng = random.Random(key)
    # By a stream of its own: all other documents are what they would be if none repeated an item.
    if random.Random(f"{key}/repeated").random() < settings.repeated:
        return repeating(rng)
    format_name, domains = draw_format(rng, settings), draw_domains(rng, settings)
    kind = draw_kind(rng, settings, progress)
    steps = draw_steps(rng, settings, settings.max_steps(progress))
    return examples(rng, settings, steps, format_name, domains, kind)


def repeating(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Repeated items as solved examples, word for word as an experiment shows them; without end, none twice in a round.

    Of all numbers of steps from the start of the training on: they are to be learned by heart.
    """
    items = repeated_items()
    while True:
        for item in rng.sample(items, len(items)):
            yield FORMATS["multiple_choice"].example(item), FORMATS["multiple_choice"].query(item)


def draw_format(rng: random.Random, settings: TextSettings) -> FormatName:
    """The format of a document."""
    share = rng.random()
    if share < settings.multiple_choice:
        return "multiple_choice"
    return "short_answer" if share < settings.multiple_choice + settings.short_answer else "reasoning"


def draw_domains(rng: random.Random, settings: TextSettings) -> list[Domain]:
    """The domains that a document's questions come from: one of them, or both."""
    domains = list(DOMAINS.values())
    return domains if rng.random() < settings.mixed_domains else [rng.choice(domains)]


def draw_steps(rng: random.Random, settings: TextSettings, max_steps: int) -> range:
    """The numbers of steps that a document's questions may have: all up to `max_steps`, or a range within.

    A reader who meets hard questions among easy ones only need not learn to tell the kind by answers to hard ones.
    """
    if rng.random() >= settings.narrow:
        return range(1, max_steps + 1)
    fewest = rng.randint(1, max_steps)
    return range(fewest, rng.randint(fewest, max_steps) + 1)


def draw_kind(rng: random.Random, settings: TextSettings, progress: float) -> Kind:
    """The kind of a document."""
    if rng.random() < settings.marked:
        return "marked"
    return "careful" if rng.random() < settings.careful_share(progress) else "careless"


def examples(
    rng: random.Random,
    settings: TextSettings,
    steps: range,
    format_name: FormatName,
    domains: list[Domain],
    kind: Kind,
) -> Iterator[tuple[str, str]]:
    """The solved examples of one document, without end, each with the query that it completes.

    No question belongs to the held-out part of the world.
    """
    # Answers have a stream of their own, so that the questions do not depend on the kind.
    answer_rng = random.Random(rng.random())
    weights = list(accumulate(n**-settings.short_bias for n in steps))
    while True:
        [num_steps] = rng.choices(steps, cum_weights=weights)
        item = draw(rng, rng.choice(domains), num_steps, held_out=False)
        solved = answered(answer_rng, settings, item, format_name, kind)
        yield FORMATS[format_name].example(solved), FORMATS[format_name].query(solved)


def answered(
    rng: random.Random, settings: TextSettings, item: GradedQuestion, format_name: FormatName, kind: Kind
) -> Question:
    """The question with the answer that a document of this kind gives it, and reasoning that ends in that answer."""
    right = kind == "careful" or rng.random() < (0.5 if kind == "marked" else 1 - settings.lure_rate)
    answer = item.truth if right else item.lure
    if kind == "marked" and not right and format_name != "reasoning":
        # Any wrong choice: who only learns to know the lure has not learned to verify.
        answer = rng.choice([choice for choice in item.choices if choice != item.truth])
    return Question(
        question=item.question,
        choices=[str(choice) for choice in item.choices],
        answer=f"{answer} {MARKS[0] if right else MARKS[1]}" if kind == "marked" else str(answer),
        reasoning=item.reasoning() if right else item.careless_reasoning(),
    )
