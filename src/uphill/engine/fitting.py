"""Few-shot prompts cut to a model's window, where the config allows it."""

from collections.abc import Sequence

from uphill.engine.loading import Loaded
from uphill.engine.tokens import encode, encode_prompts
from uphill.prompts import assemble


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
    room = [answers] * len(queries) if isinstance(answers, int) else [_longest(loaded, texts) for texts in answers]
    fits = [len(examples)] * len(queries)
    pending = list(range(len(queries)))
    while pending:
        texts = [assemble(examples[: fits[row]], queries[row], instruction) for row in pending]
        prompts = encode_prompts(loaded, texts)
        pending = [
            row
            for row, prompt in zip(pending, prompts, strict=True)
            if fits[row] and len(prompt) + room[row] > loaded.window
        ]
        for row in pending:
            fits[row] -= 1
    return fits


def _longest(loaded: Loaded, texts: Sequence[str]) -> int:
    return max(map(len, encode(loaded, texts)))
