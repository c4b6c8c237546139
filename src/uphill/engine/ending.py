"""When an answer in the making is over, and its text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from uphill.engine.loading import Loaded
from uphill.prompts.extraction import END_CHARACTERS

Rule = Callable[[str], int | None]
"""Where the answer that a text begins with is over, or None; asked only where the text got one of `END_CHARACTERS`."""


@dataclass
class Ending:
    """When to stop: at the model's end of text, where the text says so, or after `max_new_tokens`."""

    loaded: Loaded
    rule: Rule
    max_new_tokens: int
    _ends: dict[int, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own, configured = self.loaded.tokenizer.eos_token_id, self.loaded.model.generation_config.eos_token_id
        listed = configured if isinstance(configured, list) else [configured]
        self.stops = sorted({token for token in [own, *listed] if token is not None})

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
