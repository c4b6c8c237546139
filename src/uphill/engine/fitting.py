"""Few-shot prompts cut to what a model holds: to its window, or to the published number of tokens."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from uphill.engine.loading import Loaded
from uphill.engine.tokens import Prompt, encode, encode_prompts, encoded
from uphill.prompts.templates import assemble

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Room:
    """Tokens that the published limit counts for an item's answer: of its longest choice, and of the gold one."""

    longest: int
    gold: int


def examples_that_fit(
    loaded: Loaded,
    examples: Sequence[str],
    queries: Sequence[str],
    answers: Sequence[Sequence[str]] | int,
    instruction: str = "",
) -> list[int]:
    """How many examples, from the first on, stand before each query and leave room for its answer.

    The last examples, nearest to the question, go first, as in the published study (Hase et al. 2024, code release). A
    query that does not fit even without examples is left for the pass itself to refuse.

    Args:
        loaded: the model.
        examples: K solved examples.
        queries: N questions.
        answers: the texts that may follow each query, or the longest generated answer in tokens.
        instruction: what stands before the examples.
    """

    def needed(rows: list[int], texts: list[str]) -> list[int]:
        if isinstance(answers, int):
            return [len(prompt) + answers for prompt in encode_prompts(loaded, texts)]
        asked = [Prompt(str(row), text, answers[row]) for row, text in zip(rows, texts, strict=True)]
        return [len(head) + max(map(len, tails)) for head, tails in encoded(loaded, asked)]

    room = [loaded.window] * len(queries)
    return _held([examples] * len(queries), queries, instruction, room, range(len(queries)), needed)


def _held(
    shown: Sequence[Sequence[str]],
    queries: Sequence[str],
    instruction: str,
    most: Sequence[int],
    rows: Sequence[int],
    needed: Callable[[list[int], list[str]], list[int]],
) -> list[int]:
    """How many of its examples each query keeps, when those of `rows` lose the last until they need `most` tokens."""
    kept, pending = list(map(len, shown)), [row for row in rows if shown[row]]
    while pending:
        texts = [assemble(shown[row][: kept[row]], queries[row], instruction) for row in pending]
        long = [row for row, tokens in zip(pending, needed(pending, texts), strict=True) if tokens > most[row]]
        for row in long:
            kept[row] -= 1
        pending = [row for row in long if kept[row]]
    return kept


def limited(
    loaded: Loaded, shown: Sequence[Sequence[str]], queries: Sequence[str], rooms: Sequence[Room], instruction: str = ""
) -> tuple[list[str], list[int]]:
    """N prompts within `loaded.max_prompt_tokens`, and how many examples each keeps (Hase et al. 2024, code release).

    A prompt that with its longest choice and BOS is over the limit loses its last examples; one that had none loses its
    end. One that is over it still, with its gold choice, becomes the beginning of what it was at first, so that the
    question itself may be lost. Tokens that are generated count nothing.

    Args:
        loaded: a model with a limit.
        shown: the solved examples before each query.
        queries: N questions.
        rooms: what is counted for their answers.
        instruction: what stands before the examples.
    """
    limit = loaded.max_prompt_tokens
    if limit is None:
        kept = list(map(len, shown))
        return [assemble(*pair, instruction) for pair in zip(shown, queries, strict=True)], kept
    at_first = encode(loaded, [assemble(own, query, instruction) for own, query in zip(shown, queries, strict=True)])
    over = [row for row, ids in enumerate(at_first) if len(ids) + rooms[row].longest + 1 > limit]
    most = [limit - 2 - room.longest for room in rooms]
    kept = _held(shown, queries, instruction, most, over, lambda _, texts: list(map(len, encode(loaded, texts))))
    texts = [assemble(own[:count], query, instruction) for own, count, query in zip(shown, kept, queries, strict=True)]
    whole = list(texts)
    for row in over:
        if not shown[row]:
            texts[row] = loaded.tokenizer.decode(at_first[row][: most[row]])
        if len(encode(loaded, [texts[row]])[0]) + rooms[row].gold + 1 > limit:
            texts[row] = loaded.tokenizer.decode(at_first[row][: max(limit - 2 - rooms[row].gold, 0)])
    cut = sum(text != before for text, before in zip(texts, whole, strict=True))
    if cut:
        log.warning("%d of %d prompts lose their end, to stay within %d tokens", cut, len(texts), limit)
    return texts, kept


def limited_prompts(loaded: Loaded, prompts: Sequence[Prompt], rooms: Sequence[Room] | None = None) -> list[Prompt]:
    """Prompts without examples within the published limit, if the model has one; see `limited`."""
    if loaded.max_prompt_tokens is None:
        return list(prompts)
    given = rooms or rooms_of(loaded, [prompt.choices for prompt in prompts])
    texts, _ = limited(loaded, [()] * len(prompts), [prompt.text for prompt in prompts], given)
    return [replace(prompt, text=text) for prompt, text in zip(prompts, texts, strict=True)]


def answer_rooms(loaded: Loaded, items: pd.DataFrame, reasoned: bool = False) -> list[Room]:
    """What the published limit counts for the answers of N items, and for their reasoning where it is trained on."""
    gold = items["answer_text"].tolist()
    choices = [list(own) or [answer] for own, answer in zip(items["choices"], gold, strict=True)]
    return rooms_of(loaded, choices, gold, items["reasoning"].tolist() if reasoned else None)


def rooms_of(
    loaded: Loaded,
    choices: Sequence[Sequence[str]],
    gold: Sequence[str] | None = None,
    reasoning: Sequence[str] | None = None,
) -> list[Room]:
    """What the published limit counts for the answers of N items; nothing of a model that has none.

    Args:
        loaded: the model.
        choices: the choices of each; of a written answer the gold one.
        gold: the gold answers; the longest choices unless given.
        reasoning: what is trained on before the answers, if anything is.
    """
    found: list[Room] = []
    for row, own in enumerate(choices if loaded.max_prompt_tokens is not None else ()):
        extra = len(encode(loaded, [reasoning[row]])[0]) if reasoning else 0
        longest = max(map(len, encode(loaded, own)))
        right = len(encode(loaded, [gold[row]])[0]) if gold else longest
        found.append(Room(longest + extra, right + extra))
    return found
