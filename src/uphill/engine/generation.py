"""Generation, greedy or sampled: the prefix that all prompts share is read once, and an answer stops where it is over.

Answers are decoded side by side (see `decoding`). Each depends on its own prompt alone: it is made of the likeliest
tokens, or drawn from a generator of its own. Not every model can be decoded so, so each way is tried first on a few of
the job's own prompts (see `ways`), and one that fails or differs, then or later, is left for the next slower one,
with a line in the log that says why.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import Self

import torch
from tqdm import tqdm

from uphill.engine.agreement import cannot_run, one_line
from uphill.engine.decoding import Continuation, chosen_by
from uphill.engine.ending import Answer, Ending, Rule
from uphill.engine.loading import Loaded
from uphill.engine.packing import shared_prefix
from uphill.engine.sampling import GREEDY, Sampling
from uphill.engine.tokens import encode_prompts
from uphill.engine.ways import Ways
from uphill.engine.ways import agreed as _agreed  # noqa: F401 - what is set by hand, where it is looked for
from uphill.errors import UphillError
from uphill.prompts.extraction import answer_end
from uphill.running import spending

log = logging.getLogger(__name__)


def generate(
    loaded: Loaded,
    prompts: Sequence[str],
    max_new_tokens: int,
    batch: int,
    desc: str = "generating",
    *,
    rule: Rule = answer_end,
    sampling: Sampling = GREEDY,
    item_ids: Sequence[str] | None = None,
) -> Iterator[Answer]:
    """Answer every prompt, in order, each `sampling.n` times; arguments and errors are those of `as_finished`."""
    found = as_finished(
        loaded, prompts, max_new_tokens, batch, desc, rule=rule, sampling=sampling, item_ids=item_ids, groups=None
    )
    answers = {(item, number): answer for item, number, answer in found}
    yield from (answers[item, number] for item in range(len(prompts)) for number in range(sampling.n))


@torch.inference_mode()
def as_finished(
    loaded: Loaded,
    prompts: Sequence[str],
    max_new_tokens: int,
    batch: int,
    desc: str,
    *,
    rule: Rule,
    sampling: Sampling,
    item_ids: Sequence[str] | None,
    groups: Sequence[int] | None,
) -> Iterator[tuple[int, int, Answer]]:
    """Answers as soon as they are over: number of the prompt, number among its `sampling.n` answers, and the answer.

    Args:
        loaded: the model.
        prompts: whole prompts; a beginning that they share is read once.
        max_new_tokens: the longest answer.
        batch: answers that are made side by side; halved, for this call and later ones, when the device's memory does
            not hold them.
        desc: label of the progress bar.
        rule: where in a text the answer is over.
        sampling: how tokens are chosen; the likeliest unless given.
        item_ids: names of the prompts, for messages; draws need them.
        groups: a number for each prompt; those of a lower one are begun first.

    Raises:
        UphillError: a prompt leaves no room for its answer in the model's window, or logits are no numbers.
        ValueError: draws without item ids.
    """
    if sampling.temperature and item_ids is None:
        raise ValueError("an item's draws are its own: item_ids are needed")
    if not prompts:
        return
    heads = encode_prompts(loaded, prompts)
    names = [f"prompt {number}" for number in range(len(heads))] if item_ids is None else list(item_ids)
    _check_room(loaded, heads, names, max_new_tokens)
    ending = Ending(loaded, rule, max_new_tokens)
    ways = Ways(loaded, heads, shared_start(loaded, heads), max_new_tokens, batch)
    log.info("answers are decoded by %s", ways.name)
    # The longest first: what does not fit shows at once, and no long row is left over at the end.
    order = sorted(range(len(heads)), key=lambda item: (groups[item] if groups else 0, -len(heads[item])))
    waiting = [(item, answer) for item in order for answer in range(sampling.n)]
    finished: set[tuple[int, int]] = set()
    with _Progress(len(waiting), desc) as progress:
        while waiting:
            # Made anew, generators too, for those that ran out of memory half-way.
            rows = [
                Continuation(item, answer, names[item], heads[item], sampling.generator(names[item], answer))
                for item, answer in waiting
            ]
            try:
                for row in ways.run(rows, batch, ending, chosen_by(sampling)):
                    finished.add((row.item, row.answer))
                    progress.add(len(row.tokens))
                    spending.count("generated", len(row.tokens))
                    yield row.item, row.answer, ending.answer(row.tokens)
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise
                batch = loaded.batch = min(batch, len(rows)) // 2 or 1
                log.warning("out of memory: going on with %d answers side by side", batch)
            except UphillError:
                raise
            except Exception as error:
                if not ways.leave(f"it fails: {one_line(error)}"):
                    raise cannot_run(loaded, error) from error
            waiting = [key for key in waiting if key not in finished]
    shared = shared_start(loaded, heads)
    spending.count("read", sum(map(len, heads)) - shared * (len(heads) - 1))


class _Progress:
    """A bar of answers, with tokens/s."""

    def __init__(self, total: int, desc: str) -> None:
        self._bar = tqdm(total=total, desc=desc, unit="answer", leave=None, disable=None)
        self._start, self._tokens = time.monotonic(), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def add(self, tokens: int) -> None:
        """Count one answer of so many tokens."""
        self._tokens += tokens
        rate = self._tokens / max(time.monotonic() - self._start, 1e-9)
        self._bar.set_postfix_str(f"{rate:.0f} tokens/s", refresh=False)
        self._bar.update()


def _check_room(loaded: Loaded, heads: list[list[int]], names: list[str], max_new_tokens: int) -> None:
    for name, head in zip(names, heads, strict=True):
        if len(head) + max_new_tokens > loaded.window:
            raise UphillError(
                f"item {name!r}: prompt and answer are {len(head) + max_new_tokens} tokens, "
                f"expected at most {loaded.window}, the model's window"
            )


def shared_start(loaded: Loaded, heads: Sequence[Sequence[int]]) -> int:
    """How many tokens are read for all prompts; on a GPU a multiple of 16, which its matrix products are made for."""
    start = shared_prefix(heads)
    return start - start % 16 if loaded.device.type == "cuda" else start
