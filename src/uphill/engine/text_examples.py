"""Training texts as token ids: a prompt as it is asked, the answer, and the token that ends it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from uphill.engine.chat import end_of_turn
from uphill.engine.loading import Loaded
from uphill.engine.packing import unscored
from uphill.engine.tokens import Prompt, encoded
from uphill.errors import UphillError
from uphill.randomness import Key, keyed_rng


@dataclass(frozen=True)
class Example:
    """Token ids of one item; those from `answer` on are learned.

    Attributes:
        cut: whether the end is missing, for want of room.
    """

    item_id: str
    tokens: list[int]
    answer: int
    cut: bool


def examples(loaded: Loaded, prompts: Sequence[Prompt], max_tokens: int) -> list[Example]:
    """Texts that a model is fitted to: of each prompt its one answer, behind which a token says that it is over.

    Prompts are put as they are asked, through the same tokens, and nothing but the answer and its end is learned.

    Args:
        loaded: the model.
        prompts: N prompts with one answer each.
        max_tokens: of a text; what is longer loses its end.

    Raises:
        UphillError: the tokenizer has no token that ends an answer, or no token of some answer is left to learn.
    """
    end, most = ending(loaded), min(max_tokens, loaded.window)
    found = []
    for prompt, (head, [tail]) in zip(prompts, encoded(loaded, prompts), strict=True):
        whole, answer = [*head, *tail, end], len(head) + unscored(tail)
        if answer >= min(most, len(whole) - 1):
            raise UphillError(
                f"item {prompt.item_id!r}: its prompt has {answer} tokens of {most} that a training text may have, "
                "expected room for an answer"
            )
        found.append(Example(prompt.item_id, whole[:most], answer, cut=len(whole) > most))
    return found


def ending(loaded: Loaded) -> int:
    """The token that a fitted model is taught to end an answer with: of a chat model's turn, else EOS.

    Raises:
        UphillError: there is none.
    """
    turn = end_of_turn(loaded.tokenizer, loaded.chat) if loaded.chat is not None else None
    found = loaded.tokenizer.eos_token_id if turn is None else turn
    if found is None:
        raise UphillError(f"{loaded.tokenizer.name_or_path}: no token ends an answer, expected an EOS to train")
    return int(found)


def order(n_items: int, count: int, key: Sequence[Key]) -> list[int]:
    """The items that a fit reads, one after the other: passes over all, each in an order of its own.

    Args:
        n_items: how many there are.
        count: how many are read.
        key: of the fit; the order of pass p depends on it and on p alone.
    """
    return [item for item, _ in zip(_passes(n_items, key), range(count), strict=False)]


def _passes(n_items: int, key: Sequence[Key]) -> Iterator[int]:
    number = 0
    while True:
        yield from keyed_rng("pass", *key, number).permutation(n_items).tolist()
        number += 1
