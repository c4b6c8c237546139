"""What a method is given, what it gives back, and the resumable run of its cells."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel
from tqdm import tqdm

from uphill.engine.passes import ResponseTable
from uphill.errors import UphillError
from uphill.methods.interface import Method
from uphill.methods.noise import noised
from uphill.prompts.forms import Form
from uphill.prompts.templates import PromptFormat, Question
from uphill.running.noting import LOST, note
from uphill.running.parts import Parts
from uphill.schemas.mixtures import BETWEEN
from uphill.schemas.names import GOLD, UNSUPERVISED
from uphill.schemas.predictions import PREDICTIONS
from uphill.weak_to_strong.taught import sure, taught

if TYPE_CHECKING:
    from uphill.engine.ending import Answer
    from uphill.engine.loading import Loaded

log = logging.getLogger(__name__)
BAR = "{desc}: cell {n_fmt} of {total_fmt} |{bar}| {elapsed}, {remaining} left"


@dataclass(frozen=True)
class Cell:
    """One training condition: `n_train` items of level `train_on` of a dataset, as drawn for one boot.

    Attributes:
        noise_p: probability that a training label is drawn at random.
    """

    train_dataset: str
    train_on: str
    boot: int
    n_train: int
    noise_p: float = 0.0

    @property
    def name(self) -> str:
        """A file name, of this cell alone: dashes of names are told from those between. Mixes alone have a plus."""
        dataset = self.train_dataset.replace(BETWEEN, "@")  # of several: no dash of a name becomes this
        what = "-".join(part.replace("-", "+") for part in (dataset, self.train_on))
        noise = f"-noise{self.noise_p!r}" if self.noise_p else ""
        return f"{what}-{self.boot}-{self.n_train}{noise}"


@dataclass(frozen=True)
class Source:
    """A dataset as a method sees it.

    Attributes:
        items: the item table, indexed by item_id.
        splits: the splits of the task's levels.
        prompt: how it asks for an answer at once; `cot_prompt` for reasoning first.
        shards: files of the model's zero-shot responses, where the method reads them; `passed`, the identity of that
            pass; `states`, whether the method reads hidden states.
        forms: other forms that the method asks in, by template id.
        labels: what is trained on instead of the items' answers, rows of the labels contract indexed by item_id;
            `label_name`, what they are called.
    """

    name: str
    items: pd.DataFrame
    splits: pd.DataFrame
    prompt: Form
    cot_prompt: Form | None
    max_new_tokens: int
    shards: Sequence[Path | str] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)
    passed: str | None = None
    states: bool = True
    labels: pd.DataFrame | None = None
    label_name: str = GOLD

    def prompt_format(self, cot: bool) -> PromptFormat:
        """How this dataset's questions are put."""
        return PromptFormat(self.cot_prompt if cot and self.cot_prompt else self.prompt, cot)

    def drawn(self, train_on: str, boot: int, role: str) -> pd.DataFrame:
        """Rows of the splits of one role in a cell, in the order of their ranks."""
        splits = self.splits
        chosen = splits[(splits["train_on"] == train_on) & (splits["boot"] == boot) & (splits["role"] == role)]
        return chosen.sort_values("rank")

    def trained(self) -> list[tuple[str, int]]:
        """(train level, boot) of each draw of training items."""
        rows = self.splits.loc[self.splits["role"] == "train", ["train_on", "boot"]].drop_duplicates()
        return [(str(train_on), int(boot)) for train_on, boot in rows.itertuples(index=False)]

    def taught(self) -> list[tuple[str, int]]:
        """Those of `trained` that have an item with a sure label; what is left out is noted."""
        if self.labels is None:
            return self.trained()
        found = []
        for train_on, boot in self.trained():
            drawn = self.drawn(train_on, boot, "train")
            left, what = len(sure(drawn, self.labels)), f"{len(drawn)} items of {train_on}, draw {boot}"
            if left:
                found.append((train_on, boot))
            if left < len(drawn):
                note(
                    f"{LOST}labels.{self.label_name}: sure of {left or 'none'} of {what}{'' if left else ': left out'}"
                )
        return found

    @cached_property
    def responses(self) -> ResponseTable:
        """The model's zero-shot responses."""
        return _read_responses(tuple(self.shards), self.passed, self.states)


@cache
def _read_responses(shards: tuple[Path | str, ...], identity: str | None, states: bool) -> ResponseTable:
    """Read once for all variables of a job: states of a large model are gigabytes."""
    return ResponseTable.read(shards, identity, states)


@dataclass(frozen=True)
class Context:
    """One job: a method on a model, tested on a dataset cut by a variable; all train levels, sources and boots.

    Attributes:
        target: the dataset that is tested on.
        sources: datasets to train on.
        seed: the run's seed.
        open_model: loads the language model, once, when first called.
        columns: what else the predictions say of where they come from.
        sizes: how many training items; none for the method's own number.
        noise: probabilities that a training label is drawn at random; `noise_factors`, by train level, how many times
            that, where it is not once.
        max_prompt_tokens: the published limit of prompts, if the study has one.
        scratch: where a method may keep what it has not finished, by the cell's name.
    """

    target: Source
    sources: Sequence[Source]
    variable: str
    seed: int
    open_model: "Callable[[], Loaded]"
    columns: Mapping[str, Any] = field(default_factory=dict)
    sizes: Sequence[int] = ()
    noise: Sequence[float] = (0.0,)
    noise_factors: Mapping[str, float] = field(default_factory=dict)
    max_prompt_tokens: int | None = None
    scratch: Path = Path()

    def source(self, cell: Cell) -> Source:
        """The dataset that a cell trains on."""
        return next(source for source in self.sources if source.name == cell.train_dataset)

    def train_items(self, cell: Cell) -> pd.DataFrame:
        """A cell's training items, in order, with the labels that the cell is trained on.

        Of items whose label is unsure there are none: the next ones that were drawn follow, as far as there are any.

        Raises:
            UphillError: an item has no label or a bad one.
        """
        source = self.source(cell)
        drawn = source.drawn(cell.train_on, cell.boot, "train")
        if source.labels is not None:
            drawn = sure(drawn, source.labels)
        drawn = drawn.head(cell.n_train)
        items = source.items.loc[drawn["item_id"]]
        if source.labels is not None:
            items = taught(items, source.labels, source.label_name)
        return noised(items, drawn["noise_draw"].to_numpy(), cell.noise_p, self.key(cell))

    def test_items(self, cell: Cell) -> pd.DataFrame:
        """A cell's test items, without their answers; without supervision, those of every boot.

        The published limit of prompts alone counts an answer's tokens, so with it they are there.
        """
        splits = self.target.splits
        if cell.train_on == UNSUPERVISED:
            asked = sorted(set(splits.loc[splits["role"] == "test", "item_id"]))
        else:
            asked = self.target.drawn(cell.train_on, cell.boot, "test")["item_id"].tolist()
        items = self.target.items.loc[asked]
        return items if self.max_prompt_tokens is not None else unanswered(items)

    def supervised_cells(self, n_train: int) -> list[Cell]:
        """Every train source, level and boot, of each size and share of noise.

        Args:
            n_train: training items of a cell, where the experiment says nothing of sizes.

        Raises:
            UphillError: there is none, for the teacher is sure of no item that was drawn.
        """
        found = [
            Cell(source.name, train_on, boot, size, noise_p)
            for source in self.sources
            for train_on, boot in source.taught()
            for size in self.sizes or (n_train,)
            for noise_p in self._noise_on(train_on)
        ]
        if not found:
            raise UphillError(f"labels.{self.target.label_name}: none of the items that were drawn has a sure label")
        return found

    def _noise_on(self, train_on: str) -> list[float]:
        return [noise_p * self.noise_factors.get(train_on, 1.0) for noise_p in self.noise]

    def unsupervised_cells(self) -> list[Cell]:
        """The one cell that sees no training item."""
        return [Cell(self.target.name, UNSUPERVISED, 0, 0)]

    def key(self, cell: Cell) -> tuple[str, str, str, int, int]:
        """The key of a cell's own randomness; the seed is in it, the method and other cells are not."""
        return (cell.train_dataset, self.variable, cell.train_on, cell.boot, self.seed)


Predicted = Iterator[tuple[Cell, pd.DataFrame]]


def unanswered(items: pd.DataFrame) -> pd.DataFrame:
    """Items without what is right: what a method may know of those that it is tested on."""
    none = pd.array([pd.NA] * len(items), dtype="Int64")
    return items.assign(answer_idx=none, answer_text="", reasoning="")


def question_of(row: Mapping[str, Any]) -> Question:
    """An item's row as a prompt shows it."""
    return Question(row["question"], list(row["choices"]), row["answer_text"], row["reasoning"])


def as_scored(items: pd.DataFrame, put: PromptFormat) -> pd.DataFrame:
    """Items with choices and answers as a form scores them: as they are, or letters or numbers.

    Of an item that does not tell what is right, the answer stays empty.
    """
    if not put.names_choices:
        return items
    rows = items.to_dict("records")
    answers = [put.answer(question_of(row)) if row["answer_text"] else "" for row in rows]
    return items.assign(choices=[put.answers(row["choices"]) for row in rows], answer_text=answers)


def chosen(items: pd.DataFrame, scores: NDArray[np.float64], n_tokens: NDArray[np.int64] | None = None) -> pd.DataFrame:
    """Predictions of multiple-choice items: scores of their choices, of which a grader takes one.

    Args:
        items: N items, indexed by item_id.
        scores: [N, M] unnormalised log-probability (nats) of each choice; what there is no choice for is left out.
        n_tokens: [N, M] tokens that a choice's score is the sum over; None for scores that are no such sums.
    """
    counts = items["choices"].map(len).tolist()
    lengths = np.zeros((len(items), 0), dtype=np.int64) if n_tokens is None else n_tokens
    return pd.DataFrame(
        {
            "item_id": items.index,
            "scores": [row[:count] for row, count in zip(scores, counts, strict=True)],
            "text": None,
            "n_tokens": [row[:count] for row, count in zip(lengths, counts, strict=True)],
            "ended": None,
        }
    )


def written(items: pd.DataFrame, answers: "Iterable[Answer]") -> pd.DataFrame:
    """Predictions of N items, indexed by item_id: the text that the model wrote for each."""
    found = list(answers)
    return pd.DataFrame(
        {
            "item_id": items.index,
            "scores": None,
            "text": [answer.text for answer in found],
            "n_tokens": [[answer.n_tokens] for answer in found],
            "ended": [answer.ended for answer in found],
        }
    )


def run(context: Context, method: Method, settings: BaseModel, parts: Parts) -> pa.Table:
    """Make every cell of a task that `parts` does not hold yet, and join them all in a fixed order.

    Raises:
        UphillError: a finished cell has gone or is damaged: a failing disk, or a second job at the same work.
    """
    cells = method.cells(context, settings)
    missing = [cell for cell in cells if parts.get(cell.name) is None]
    if len(missing) < len(cells):
        log.info("%d of %d cells were finished before", len(cells) - len(missing), len(cells))
    done = len(cells) - len(missing)
    label = f"{context.columns.get('method', '')} by {context.variable}"
    with tqdm(total=len(cells), initial=done, desc=label, unit="cell", bar_format=BAR, disable=None) as bar:
        for number, (cell, frame) in enumerate(method.predict(context, settings, missing), start=done + 1):
            parts.put(cell.name, PREDICTIONS.to_arrow(_complete(context, cell, frame), cell.name))
            bar.update()
            log.info("cell %d of %d: %s", number, len(cells), cell.name)
    return pa.concat_tables([_finished(parts, cell) for cell in cells])


def _finished(parts: Parts, cell: Cell) -> pa.Table:
    table = parts.get(cell.name)
    if table is None:
        raise UphillError(f"{parts.folder}: the finished cell {cell.name} has gone; run the same command again")
    return table


def _complete(context: Context, cell: Cell, frame: pd.DataFrame) -> pd.DataFrame:
    """A cell's predictions with the columns that say where they come from."""
    columns = {
        **context.columns,
        "dataset": context.target.name,
        "variable": context.variable,
        "train_dataset": cell.train_dataset,
        "train_on": cell.train_on,
        "boot": cell.boot,
        "n_train": cell.n_train,
        # Of a method that shows its training items in the prompt, they are the k.
        "k": cell.n_train if context.columns.get("k") is not None else 0,
        "noise_p": cell.noise_p,
        # Few-shot examples that the model's window did not hold.
        "dropped": frame.get("dropped", 0),
        "labels": context.target.label_name,
    }
    return frame.assign(**columns)[PREDICTIONS.schema.names]
