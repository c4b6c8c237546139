"""When an answer in the making is over, and its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from uphill.engine.loading import Loaded
from uphill.prompts.extraction import END_CHARACTERS

Rule = Callable[[str], int | None]
"""Where the answer that a text begins with is over, or None; asked only where the text got one of `END_CHARACTERS`."""


def ends_of_text(loaded: Loaded) -> list[int]:
    """Tokens that end any answer: the tokenizer's EOS, and those that the checkpoint lists as its own.

    A model that was tuned to chat ends a turn with one and a text with another, and its tokenizer names but one of
    them. This is what its tokens mean; of how it would choose them nothing is taken from a checkpoint.
    """
    generation_config = getattr(loaded.model, "generation_config", None)
    listed = getattr(generation_config, "eos_token_id", None)
    listed = list(listed) if isinstance(listed, (list, tuple)) else [listed]
    return sorted({token for token in [loaded.tokenizer.eos_token_id, *listed] if type(token) is int and token >= 0})


@dataclass
class Ending:
    """When to stop: at the model's end of text, where the text says so, or after `max_new_tokens`."""

    loaded: Loaded
    rule: Rule
    max_new_tokens: int
    _ends: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stops = ends_of_text(self.loaded)

    def reached(self, tokens: Sequence[int]) -> bool:
        """Whether the answer is over with the last of `tokens`."""
        if len(tokens) >= self.max_new_tokens or tokens[-1] in self.stops:
            return True
        return self._may_end(tokens[-1]) and self.rule(self._decoded(tokens)) is not None

    def text(self, tokens: Sequence[int]) -> str:
        """The answer, without what came behind its end or white space around it."""
        stop = next((place for place, token in enumerate(tokens) if token in self.stops), None)
        text = self._decoded(tokens[:stop])
        return text[: self.rule(text)].strip()

    def _decoded(self, tokens: Sequence[int]) -> str:
        return str(self.loaded.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _may_end(self, token: int) -> bool:
        if token not in self._ends:
            self._ends[token] = any(mark in self._decoded([token]) for mark in END_CHARACTERS)
        return self._ends[token]
