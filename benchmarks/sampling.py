"""A hundred samples of each item against `generate(num_return_sequences=100)`, and decoding with every slot taken.

    python benchmarks/sampling.py --device cuda --shape llama-7b
    python benchmarks/sampling.py --device cuda --shape llama-8b

The model has random weights in bfloat16. Answers are drawn at temperature .9 and top-p .95, and end by a token that
some words are made to be: as ragged as a geometric distribution, of `--mean` tokens on average. `generate` gets one
item at a time, or as many as `--rows` names, whichever is faster; a call of it goes on until its longest answer ends.
Ours reads each prompt once and fills a slot as soon as an answer is over.

Then a step of decoding with all slots taken, draws included, beside its floor: the weights and the keys and values that
it reads, at the rate of a copy on this GPU. Prints tokens/s of answers, their ratio, and the memory that each took.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from generation import SHAPES, copied_bytes_a_second, decoder_of, random_model, random_prompts, seconds_each
from transformers import GenerationConfig

from uphill.engine.decoding import Decoder, chosen_by
from uphill.engine.generation import generate
from uphill.engine.loading import Loaded
from uphill.engine.prefix_attention import shared_prefix_attention
from uphill.engine.sampling import Sampling
from uphill.engine.tokens import encode_prompts

DRAWN = Sampling(temperature=0.9, top_p=0.95, n=100, key=("benchmark",))


@dataclass(frozen=True)
class Work:
    """What is to be sampled: `n` answers to each prompt, of `longest` tokens at most."""

    loaded: Loaded
    prompts: list[str]
    longest: int
    batch: int


def ours(work: Work) -> int:
    """By the library; tokens of answers."""
    names = [str(number) for number in range(len(work.prompts))]
    found = generate(work.loaded, work.prompts, work.longest, work.batch, sampling=DRAWN, item_ids=names)
    return sum(answer.n_tokens for answer in found)


@torch.inference_mode()
def theirs(work: Work, together: int) -> int:
    """By `generate`, so many items in one call; tokens of answers up to their ends."""
    model = work.loaded.model
    heads = encode_prompts(work.loaded, work.prompts)
    settings = GenerationConfig(
        max_new_tokens=work.longest,
        do_sample=True,
        temperature=DRAWN.temperature,
        top_p=DRAWN.top_p,
        top_k=0,
        num_return_sequences=DRAWN.n,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=0,
    )
    total = 0
    for first in range(0, len(heads), together):
        chosen = heads[first : first + together]
        width = max(map(len, chosen))
        ids = torch.tensor([[0] * (width - len(head)) + head for head in chosen], device=work.loaded.device)
        mask = torch.tensor([[0] * (width - len(head)) + [1] * len(head) for head in chosen], device=ids.device)
        answers = model.generate(input_ids=ids, attention_mask=mask, generation_config=settings)[:, width:]
        total += lengths(answers, model.config.eos_token_id)
    return total


def lengths(answers: torch.Tensor, ends: Sequence[int] | None) -> int:
    """Tokens of answers [R, T], each up to its end."""
    if not ends:
        return answers.numel()
    over = torch.isin(answers, torch.tensor(ends, device=answers.device))
    first = torch.where(over.any(1), over.int().argmax(1) + 1, answers.shape[1])
    return int(first.sum())


def timed(way: Callable[[], int], name: str, rounds: int) -> float:
    """Print tokens/s of a way, the median of so many runs; it."""
    found, tokens = [], 0
    for _ in range(rounds):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        tokens = way()
        torch.cuda.synchronize()
        found.append(tokens / (time.perf_counter() - start))
    peak = torch.cuda.max_memory_allocated() / 2**30
    rate = statistics.median(found)
    each = ", ".join(f"{one:.0f}" for one in found)
    print(f"{name:<28} {rate:8.0f} tokens/s ({each})  {tokens} tokens  {peak:.1f} GiB at most", flush=True)
    return rate


def end_by(loaded: Loaded, mean: int) -> None:
    """Make words an end of text, as many as have 1 / `mean` of the probability that a prompt leaves."""
    size = loaded.model.config.vocab_size
    loaded.model.config.eos_token_id = list(range(1, 1 + round(size / mean)))


@torch.inference_mode()
def time_steps(work: Work, bandwidth: float) -> None:
    """Print the time of a full batch's step in mid-answer, draws included, the median of 24; and its floor."""
    model = work.loaded.model
    heads = encode_prompts(work.loaded, work.prompts)
    heads = [heads[number % len(heads)] for number in range(work.batch)]
    choose = chosen_by(DRAWN)
    times = {}
    for what in ("the likeliest", "drawn"):
        decoder = decoder_of(work.loaded, heads, 160, recorded=True)
        each = seconds_each(partial(_step, decoder, choose if what == "drawn" else None), 104)
        times[what] = 1000 * statistics.median(each[80:])
    shape = model.config
    embedding = model.get_input_embeddings().weight
    weights = model.num_parameters() * model.dtype.itemsize - embedding.nbytes
    token = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim * model.dtype.itemsize
    held = token * (decoder.start + sum(len(head) - decoder.start + 92 for head in heads))
    floor = 1000 * (weights + held) / bandwidth
    for what, took in times.items():
        print(
            f"a step of {work.batch} rows, {what}: {took:.1f} ms, {1000 * work.batch / took:.0f} tokens/s, "
            f"{took / floor:.1f} floors ({floor:.1f} ms: {weights / 1e9:.1f} GB weights, {held / 1e9:.1f} GB keys and "
            f"values, {bandwidth / 1e12:.1f} TB/s)",
            flush=True,
        )


def _step(decoder: Decoder, choose: Callable[..., torch.Tensor] | None) -> None:
    with shared_prefix_attention(decoder.loaded.model):
        logits = decoder.logits()
        decoder.push(logits.argmax(-1) if choose is None else choose(decoder.rows, logits))


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", choices=SHAPES, default="llama-7b")
    parser.add_argument("--items", type=int, default=12, help="items that ours answers a hundred times")
    parser.add_argument("--theirs", type=int, default=1, help="items that generate does")
    parser.add_argument("--rows", type=int, nargs="*", default=[1], help="items in one call of generate")
    parser.add_argument("--batch", type=int, nargs="*", default=[256, 384], help="slots")
    parser.add_argument("--mean", type=int, default=128)
    parser.add_argument("--longest", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    print(torch.cuda.get_device_name(), torch.__version__, options, flush=True)
    loaded = random_model(SHAPES[options.shape], options.device)
    end_by(loaded, options.mean)
    prompts = random_prompts(max(options.items, options.theirs), 0, loaded.model.config.vocab_size)
    few = Work(loaded, prompts[: options.theirs], options.longest, 0)
    theirs(Work(loaded, prompts[:1], 4, 0), 1)
    peers = []
    for rows in options.rows:
        try:
            peers.append(timed(partial(theirs, few, rows), f"generate, {rows} items a call", 1))
        except torch.OutOfMemoryError:
            print(f"generate, {rows} items a call: out of memory", flush=True)
    bandwidth = copied_bytes_a_second(loaded.device)
    for batch in options.batch:
        work = Work(loaded, prompts[: options.items], options.longest, batch)
        timed(partial(ours, work), f"uphill, {batch} slots, checked", 1)
        rate = timed(partial(ours, work), f"uphill, {batch} slots", options.rounds)
        if peers:
            print(f"{rate / max(peers):.1f} times generate at its best", flush=True)
        time_steps(work, bandwidth)


if __name__ == "__main__":
    main()
