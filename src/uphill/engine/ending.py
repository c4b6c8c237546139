"""When an answer in the making is over, and its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from uphill.engine.chat import end_of_turn
from uphill.engine.loading import Loaded
from uphill.engine.sizes import text_config
from uphill.prompts.extraction import END_CHARACTERS

Rule = Callable[[str], int | None]
"""Where the answer that a text begins with is over, or None; asked only where the text got one of `END_CHARACTERS`."""


def ends_of_text(loaded: Loaded) -> list[int]:
    """Tokens that end any answer: the tokenizer's EOS, the config's, and the end of a turn in the chat template.

    A model that was tuned to chat ends a turn with one token and a text with another. All of these are part of a
    model's identity; its generation config is not, and is not asked.
    """
    listed: list[Any] = [loaded.tokenizer.eos_token_id]
    for config in (loaded.model.config, text_config(loaded.model)):
        own = getattr(config, "eos_token_id", None)
        listed += own if isinstance(own, (list, tuple)) else [own]
    if loaded.chat is not None:
        listed.append(end_of_turn(loaded.tokenizer, loaded.chat))
    return sorted({token for token in listed if type(token) is int and token >= 0})


@dataclass(frozen=True)
class Answer:
    """What a model wrote.

    Attributes:
        text: up to where the answer is over, without white space around it.
        n_tokens: tokens that were generated, one that ended it included.
        ended: whether it came to its end; False where `max_new_tokens` cut it off.
    """

    text: str
    n_tokens: int
    ended: bool


@dataclass
class Ending:
    """When to stop: at the model's end of text, where the text says so, or after `max_new_tokens`."""

    loaded: Loaded
    rule: Rule
    max_new_tokens: int
    _ends: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stops = frozenset(ends_of_text(self.loaded))

    def reached(self, tokens: Sequence[int]) -> bool:
        """Whether the answer is over with the last of `tokens`."""
        if len(tokens) >= self.max_new_tokens or tokens[-1] in self.stops:
            return True
        return self._may_end(tokens[-1]) and self.rule(self._decoded(tokens)) is not None

    def answer(self, tokens: Sequence[int]) -> Answer:
        """The answer, without what came behind its end."""
        stop = next((place for place, token in enumerate(tokens) if token in self.stops), None)
        text = self._decoded(tokens[:stop])
        end = self.rule(text)
        return Answer(text[:end].strip(), len(tokens), stop is not None or end is not None)

    def _decoded(self, tokens: Sequence[int]) -> str:
        return str(self.loaded.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _may_end(self, token: int) -> bool:
        if token not in self._ends:
            self._ends[token] = any(mark in self._decoded([token]) for mark in END_CHARACTERS)
        return self._ends[token]
