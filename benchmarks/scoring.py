"""Packed scoring against padded scoring, on this machine: same items, same model, runs interleaved.

    python benchmarks/scoring.py [--items 200] [--repeats 3]

The padded baseline is a good one: items sorted by length, batches of several sequences, the LM head on answer rows
only; it cannot share the few-shot prefix, or a question between its choices. Prints tokens read, CPU time without
start-up, the ratio of medians, and the largest difference between the two scores.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from uphill.datasets.world import Settings, load
from uphill.engine import loading
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt, encode_items
from uphill.prompts import PromptFormat, Question, assemble

MODEL = {"path": "resources/demo-model", "dtype": "float32", "quantization": "none", "trust_remote_code": False}
BATCH_TOKENS = 8192


def prompts(count: int, shots: int) -> list[Prompt]:
    """Multiple-choice items of the demo world behind `shots` solved examples."""
    items = load(Settings(domain="dial", n_items=count + shots, seed=99))
    asked = PromptFormat("0040")
    questions = [Question(row.question, list(row.choices), row.answer_text) for row in items.itertuples()]
    examples = [asked.example(question) for question in questions[:shots]]
    return [
        Prompt(item, assemble(examples, asked.query(question)), question.choices)
        for item, question in zip(items["item_id"][shots:], questions[shots:], strict=True)
    ]


def packed(loaded: loading.Loaded, items: list[Prompt]) -> list[float]:
    """Scores of every choice, in order, by the library."""
    return [float(value) for found in score(loaded, items) for value in found.logprob]


@torch.inference_mode()
def padded(loaded: loading.Loaded, items: list[Prompt]) -> list[float]:
    """Scores of every choice, in order, one padded sequence per choice."""
    heads, tails = encode_items(loaded, items)
    pairs = [(head, choice) for head, choices in zip(heads, tails, strict=True) for choice in choices]
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][0]) + len(pairs[index][1]))
    scores = [0.0] * len(pairs)
    for batch in _batches(order, pairs):
        width = max(len(head) + len(choice) for head, choice in (pairs[index] for index in batch))
        ids = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(batch):
            whole = torch.tensor([*pairs[index][0], *pairs[index][1]])
            ids[row, : len(whole)] = whole
            mask[row, : len(whole)] = 1
        hidden = loaded.model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        for row, index in enumerate(batch):
            head, choice = pairs[index]
            rows = hidden[row, len(head) - 1 : len(head) - 1 + len(choice)]
            logits = loaded.model.get_output_embeddings()(rows).float().log_softmax(-1)
            scores[index] = float(logits.gather(-1, torch.tensor(choice)[:, None]).sum())
    return scores


def _batches(order: list[int], pairs: list[tuple[list[int], list[int]]]) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in order:
        size = len(pairs[index][0]) + len(pairs[index][1])
        if batch and (len(batch) + 1) * size > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    yield batch


def timed(run: Callable[[], list[float]]) -> tuple[float, list[float]]:
    """CPU seconds and scores."""
    start = time.process_time()
    scores = run()
    return time.process_time() - start, scores


def compare(loaded: loading.Loaded, shots: int, count: int, repeats: int) -> None:
    """Print one line of the comparison."""
    items = prompts(count, shots)
    heads, tails = encode_items(loaded, items)
    naive = sum(len(head) + len(choice) for head, choices in zip(heads, tails, strict=True) for choice in choices)
    times: dict[str, list[float]] = {"packed": [], "padded": []}
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, way in (("packed", packed), ("padded", padded)):
            seconds, found[name] = timed(lambda way=way: way(loaded, items))  # type: ignore[misc]
            times[name].append(seconds)
    fast, slow = (statistics.median(times[name]) for name in ("packed", "padded"))
    apart = max(abs(a - b) for a, b in zip(found["packed"], found["padded"], strict=True))
    print(
        f"{shots:>2} shots  {count} items  padded {slow:7.2f} s ({naive} tokens)  packed {fast:6.2f} s  "
        f"ratio {slow / fast:5.1f}  largest difference {apart:.1e} nats"
    )


def main() -> None:
    """Compare at 0 and 8 shots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loaded = loading.load(MODEL, pack_tokens=512)
    packed(loaded, prompts(4, 0))  # the agreement check, once
    for shots in (0, 8):
        compare(loaded, shots, arguments.items, arguments.repeats)


if __name__ == "__main__":
    main()
