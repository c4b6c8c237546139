"""A weaker model's answers as labels (Burns et al. 2023, section 3: weak supervisor performance, weak labels).

The teacher is trained on right answers of the supervisor pool, or on what another teacher says of a part of it, or on
nothing, and answers the experiment pool, whose items it has never seen. So its accuracy on test items is that of the
very model that labels. Labels of which it is unsure may be left out; a model that is asked before it is trained, with
no examples or with examples of its own labels, is elicited rather than supervised.
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from uphill.errors import UphillError
from uphill.experiments.arms import Arm, Given
from uphill.grading import choice
from uphill.grading.grade import Item, Output
from uphill.registry import settings_of
from uphill.schemas.labels import LABELS, UNSURE
from uphill.schemas.names import ALL, EXPERIMENT_POOL, GOLD, SUPERVISOR_POOL
from uphill.weak_to_strong.interface import Answers, LabelSettings

GIVES_REASONING = False
ORIGIN = "weak"


def _one_level(train_on: str) -> str:
    if not train_on:
        raise ValueError("is '', expected all or a level of the variable")
    return train_on


class Settings(LabelSettings):
    """Who teaches, after which training, and whether what it says is a choice or a probability of each."""

    method: str = Field(description="How the teacher is trained: a name from `methods`, of one that scores choices.")
    model: str = Field(description="The teacher: a name from `models`.")
    soft: bool = Field(False, description="Labels are the teacher's probabilities of the choices, not its choice.")
    confident: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Only items whose choice the teacher gives more than this probability are taught; null: all.",
    )
    variable: str = Field(ALL, description="A hardness variable, whose level the teacher is trained on.")
    train_on: Annotated[str, AfterValidator(_one_level)] = Field(
        ALL, description="That level; all takes items of any difficulty."
    )

    labels: str = Field(
        GOLD,
        description="What the teacher itself learns: `gold`, or a name from `labels`, of a part of the supervisor pool "
        "that another teacher labels; so a chain of any length.",
    )
    pool: str = Field(
        EXPERIMENT_POOL,
        pattern=rf"^({EXPERIMENT_POOL}|{SUPERVISOR_POOL}_[2-9]|{SUPERVISOR_POOL}_1[0-9]|{SUPERVISOR_POOL}_20)$",
        description="Whose items are labelled: experiment, or supervisor_2 and so on (`pools.parts`), for the next "
        "teacher of a chain.",
    )

    @property
    def of_pool(self) -> str:
        """The pool whose items are labelled."""
        return self.pool

    @property
    def softly(self) -> bool:
        """Whether a label is a probability of each choice."""
        return self.soft

    @property
    def least(self) -> float | None:
        """Above which probability of the teacher an item is taught; None where each is."""
        return self.confident


def arm(settings: Settings, name: str, given: Given) -> Arm | None:  # noqa: ARG001 - the interface
    """The teacher's training on its part of the supervisor pool, once, and its answers to all items that it may label,
    of the experiment pool and of the test pool.
    """
    learns = given.pool_of(settings.labels)
    usual = (learns, settings.pool) == (SUPERVISOR_POOL, EXPERIMENT_POOL)
    return Arm(
        # After the teacher: labels of one teacher, soft and not, are of one training.
        f"teacher.{settings.method}.{settings.train_on}{'' if usual else f'.{learns}.{settings.pool}'}",
        settings.dataset,
        settings.variable,
        given.levels(settings.dataset, settings.variable),
        (settings.method,),
        (settings.model,),
        boots=1,
        n_train=max(1, given.n_train(settings.method)),
        min_test=1,
        train_on=(settings.train_on,),
        baseline=False,
        labels=settings.labels,
        train_pool=learns,
        answers=settings.pool,
    )


def label(settings: Settings, items: pd.DataFrame, answers: Answers | None) -> pd.DataFrame:
    """The choice that the teacher likes best, and with `soft` the softmax of its scores, as the grader compares them.

    Raises:
        UphillError: an item has no answer or several, has no choices, or the teacher was trained on it; or the teacher
            is sure of none.
    """
    assert answers is not None, "it has an arm"
    known, labelled = set(answers.trained), sorted(items["item_id"])
    for item_id in labelled:
        if item_id in known:
            raise UphillError(
                f"item {item_id!r}: {settings.model!r} was trained on it, expected items that it never saw"
            )
    own = answers.predictions[answers.predictions["item_id"].isin(set(labelled))]
    if sorted(own["item_id"]) != labelled:
        counts = own["item_id"].value_counts().reindex(labelled, fill_value=0)
        item_id, count = next((one, count) for one, count in counts.items() if count != 1)
        raise UphillError(f"item {item_id!r}: {count} answers of {settings.model!r}, expected one of each item")
    grader = settings_of(choice, dict(answers.grader))
    said = own.set_index("item_id")
    rows = [_labelled(settings, grader, row, said.loc[row["item_id"]]) for row in items.to_dict("records")]
    found = pd.DataFrame(rows, columns=LABELS.schema.names)
    if settings.confident is not None and (found["origin"] == UNSURE).all():
        raise UphillError(
            f"{settings.model!r} gives no choice more than {settings.confident:g}, expected some; a lower `confident`"
        )
    return found


def _labelled(settings: Settings, grader: Any, item: dict[str, Any], said: pd.Series) -> dict[str, Any]:
    # Of the right answer nothing is read here, nor could be: the scores alone decide.
    asked = Item(item["question"], list(item["choices"]))
    lengths = [] if said["n_tokens"] is None else list(said["n_tokens"])
    output = Output(scores=None if said["scores"] is None else list(said["scores"]), n_tokens=lengths)
    try:
        scores = choice.compared(grader, asked, output)
    except ValueError as error:
        raise UphillError(f"item {item['item_id']!r}: {error}") from None
    best, shares = int(scores.argmax()), np.exp(scores - scores.max())
    shares /= shares.sum()
    return {
        "item_id": item["item_id"],
        "answer_idx": best,
        "answer_text": asked.choices[best],
        "reasoning": "",
        "text": None,
        "soft": shares.tolist() if settings.soft else None,
        "origin": ORIGIN if settings.confident is None or shares[best] > settings.confident else UNSURE,
    }
