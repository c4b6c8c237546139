"""Packed scoring against padded scoring: the same items and model, runs interleaved, medians.

    python benchmarks/scoring.py --data DATA                                    # a CPU, a model of 3.2 M weights
    python benchmarks/scoring.py --data DATA --device cuda --shape llama-7b     # a GPU

DATA is a folder with `arc/ARC-Easy-Test.jsonl`; without it the demo world's questions are read. Models have random
weights (see items.py), the baseline is in padded.py. Sections, each by name in --sections:

* exact: float32 packed scores of small models by each kind of attention against float32 padded ones, and how far either
  is from them in bfloat16;
* ceiling: the rate of a large bfloat16 matrix product, the most that any pass can reach;
* attention: milliseconds of one layer's attention by each kernel;
* scoring: items and tokens a second, useful operations a second, and the ratio to padded, of each variant.

Padded runs read fewer items, and are compared by time an item. On a CPU times are CPU time, and one thread is used.
"""

import argparse
import itertools
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import items as made
import numpy as np
import torch
from padded import padded
from torch.nn.attention.flex_attention import AuxRequest, flex_attention
from transformers import DynamicCache, Gemma2Config, GPT2Config, LlamaConfig

from uphill.engine import attention
from uphill.engine.attention import compiled, pack_mask
from uphill.engine.hidden import blocks_of
from uphill.engine.loading import Loaded
from uphill.engine.packing import Branched, lay_out, shared_prefix
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt, encode_items

START = time.perf_counter()


def say(text: str) -> None:
    """A line, with the seconds since the start."""
    print(f"[{time.perf_counter() - START:5.0f} s] {text}", flush=True)


def packed(loaded: Loaded, items: list[Prompt]) -> list[float]:
    """Scores of every choice, in order, by the library."""
    return [float(value) for found in score(loaded, items) for value in found.logprob]


# exact ---------------------------------------------------------------------------------


HALF_VARIANTS: list[tuple[attention.Attention, str]] = [
    ("dense", ""),
    ("blocks", "cudnn"),
    ("blocks", "flash"),
    ("blocks", "flex"),
    ("joined", ""),
]


def small(kind: str) -> Any:
    """Small models whose weights are large, so that a wrong mask or position moves scores by whole nats."""
    shape: dict[str, Any] = {
        "vocab_size": made.VOCABULARY,
        "hidden_size": 512,
        "intermediate_size": 1024,
        "num_hidden_layers": 4,
    }
    shape |= {"num_attention_heads": 4, "max_position_embeddings": 4096, "initializer_range": 0.08, "head_dim": 128}
    if kind == "gemma2":
        return Gemma2Config(**{**shape, "num_key_value_heads": 2, "sliding_window": 4096, "query_pre_attn_scalar": 128})
    if kind == "gpt2":
        return GPT2Config(
            vocab_size=made.VOCABULARY, n_embd=512, n_layer=4, n_head=4, n_positions=4096, initializer_range=0.08
        )
    return LlamaConfig(**{**shape, "num_key_value_heads": 1 if kind == "llama, grouped" else 4})


def exact(asked: list[Any], words: Any, device: str) -> None:
    """Print the largest differences from padded float32, in nats of summed log-probability."""
    items = made.prompts(asked, 60 if device == "cuda" else 4, 5)
    for kind in ("llama", "llama, grouped", "gemma2", "gpt2"):
        base = made.loaded(small(kind), device, torch.float32, words)
        right = np.array(padded(base, items, 8192))
        say(f"exact  {kind:<15} spread of scores {right.std():.2f} nats")
        for how, kernel, compile_ in _exact_variants(kind, device):
            _print_difference(
                f"float32 {how} {'compiled' if compile_ else ''}", base, items, right, how, kernel, compile_
            )
        if device != "cuda":
            continue
        half = made.loaded(small(kind), device, torch.bfloat16, words)
        half.model.load_state_dict(base.model.state_dict())
        rounded = np.abs(np.array(padded(half, items, 8192)) - right)
        say(f"       {'bfloat16 padded':<34} mean {rounded.mean():.2e}  max {rounded.max():.2e}")
        for other, prefix in HALF_VARIANTS:
            _print_difference(f"bfloat16 {other} {prefix}", half, items, right, other, prefix, False)
        _print_chosen(half, items, right)


def _exact_variants(kind: str, device: str) -> Iterator[tuple[attention.Attention, str, bool]]:
    yield "dense", "", False
    yield "blocks", "flex", False
    yield "joined", "", False
    if device == "cuda" and kind == "llama":
        yield "blocks", "flex", True


def _print_difference(
    name: str, base: Loaded, items: list[Prompt], right: Any, how: attention.Attention, kernel: str, compile_: bool
) -> None:
    variant = replace(base, attention=how, compiled=compile_, packed=True)
    try:
        with prefix_kernel(kernel):
            apart = np.abs(np.array(packed(variant, items)) - right)
        say(f"       {name:<34} mean {apart.mean():.2e}  max {apart.max():.2e}")
    except Exception as error:  # a kernel that this machine lacks must not end the rest
        say(f"       {name:<34} fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _print_chosen(half: Loaded, items: list[Prompt], right: Any) -> None:
    """The way that the library settles on by itself; its reasons to leave one are logged."""
    chosen = replace(half, attention="blocks", compiled=True, packed=None)
    apart = np.abs(np.array(packed(chosen, items)) - right)
    way = f"{chosen.attention}{', compiled' if chosen.compiled else ''}" if chosen.packed else "padded"
    say(f"       {'bfloat16 chosen: ' + way:<34} mean {apart.mean():.2e}  max {apart.max():.2e}")


@contextmanager
def prefix_kernel(name: str) -> Iterator[None]:
    """Attend to the prefix by this kernel."""
    before = attention.prefix_kernel
    attention.prefix_kernel = name or before
    yield
    attention.prefix_kernel = before


# ceiling and attention ---------------------------------------------------------------------------------


def milliseconds(run: Callable[[], Any], seconds: float = 0.5) -> float:
    """Of one call, the median of many, on the device's clock."""
    run()
    torch.cuda.synchronize()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        before, after = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        before.record()
        run()
        after.record()
        after.synchronize()
        times.append(before.elapsed_time(after))
    return statistics.median(times)


def matmul_rate(rows: int, inner: int, columns: int, seconds: float = 1.0) -> float:
    """Operations a second of a bfloat16 product of random matrices."""
    left = torch.randn(rows, inner, device="cuda", dtype=torch.bfloat16)
    right = torch.randn(columns, inner, device="cuda", dtype=torch.bfloat16)
    return 2 * rows * inner * columns / (milliseconds(lambda: torch.nn.functional.linear(left, right), seconds) / 1e3)


def ceiling() -> float:
    """The measured ceiling, and what the layers' own products reach."""
    top = matmul_rate(8192, 8192, 8192, 3.0)
    say(f"ceiling  8192^3 product {top / 1e12:.0f} TFLOP/s")
    for rows, (inner, columns) in itertools.product((4096, 16384), ((4096, 4096), (4096, 11008), (11008, 4096))):
        say(f"         {rows} x {inner} x {columns}: {matmul_rate(rows, inner, columns, 0.5) / 1e12:.0f} TFLOP/s")
    return top


@torch.inference_mode()
def kernels(asked: list[Any], words: Any, heads: int, width: int, tokens: int, prefix: int) -> None:
    """Milliseconds of one layer's attention: `tokens` packed tokens behind `prefix` cached ones."""
    fake = Loaded(_Window(), words, torch.device("cuda"), tokens)
    prompts = made.prompts(asked, tokens // 60, 0)
    own, tails = encode_items(fake, prompts)
    branched = [Branched.of(head, choices) for head, choices in zip(own, tails, strict=True)]
    layout = lay_out(branched, 0, ends=False)
    until = torch.from_numpy(layout.until).cuda()[:tokens].clamp_max(tokens - 1)
    new = partial(torch.randn, device="cuda", dtype=torch.bfloat16)
    query, key, value = (new(1, tokens, heads, width).transpose(1, 2) for _ in range(3))
    cached = new(1, heads, prefix, width), new(1, heads, prefix, width)
    joined = torch.cat([cached[0], key], 2), torch.cat([cached[1], value], 2)
    scale = width**-0.5
    whole = DynamicCache()
    whole.update(*cached, 0)
    mask, both = pack_mask(until, None), pack_mask(until, whole, joined=True)
    dense = attention.dense_mask(until, prefix, torch.bfloat16)
    part = torch.empty(1, tokens, heads, width, device="cuda", dtype=torch.bfloat16).transpose(1, 2)
    lse = torch.zeros(1, heads, tokens, device="cuda")
    fixed: Callable[..., Any] = torch.compile(flex_attention, dynamic=False)
    runs: dict[str, Callable[[], Any]] = {
        f"prefix by {name}": partial(kernel, query, *cached, scale) for name, kernel in attention.PREFIX_KERNELS.items()
    } | {
        "pack by flex": lambda: attention._flex(query, key, value, scale, mask, None),
        "pack by flex, static": lambda: fixed(query, key, value, block_mask=mask, return_aux=AuxRequest(lse=True)),
        "prefix by flex, static": lambda: fixed(query, *cached, return_aux=AuxRequest(lse=True)),
        "joined by flex, static": lambda: fixed(query, *joined, block_mask=both, return_aux=AuxRequest(lse=True)),
        "merge": lambda: attention._merged()(part, lse, part, lse),
        "join keys and values": lambda: (torch.cat([cached[0], key], 2), torch.cat([cached[1], value], 2)),
        "joined by flex": lambda: attention._flex(query, *joined, scale, both, None),
        "dense mask": lambda: torch.nn.functional.scaled_dot_product_attention(query, *joined, dense),
        "make block mask": lambda: pack_mask(until, whole),
        "make dense mask": lambda: attention.dense_mask(until, prefix, torch.bfloat16),
    }
    say(f"attention  one layer, {heads} heads of {width}, {tokens} tokens behind {prefix}")
    for name, run in runs.items():
        try:
            say(f"           {name:<22} {milliseconds(run):7.3f} ms")
        except Exception as error:
            say(f"           {name:<22} fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}")


class _Window:
    class config:
        max_position_embeddings = 2**20
        sliding_window = None


# scoring ---------------------------------------------------------------------------------


@dataclass
class Variant:
    """A way to score, its items, and what was measured."""

    name: str
    run: Callable[[list[Prompt]], list[float]]
    items: list[Prompt]
    seconds: list[float]
    scores: list[float]


def variants(loaded: Loaded, cuda: bool, packs: list[int], few: list[Prompt], many: list[Prompt]) -> list[Variant]:
    """Ways to score: padded ones read `few` items, packed ones `many`."""
    found = []

    def add(name: str, run: Callable[[list[Prompt]], list[float]], items: list[Prompt]) -> None:
        found.append(Variant(name, run, items, [], []))

    def ready(tokens: int, how: attention.Attention, compile_: bool) -> Loaded:
        return replace(loaded, pack_tokens=tokens, attention=how, compiled=compile_, packed=True)

    if not cuda:
        add("padded", lambda items: padded(loaded, items, 4096), few)
        for tokens in packs:
            add(f"packed, dense, {tokens}", partial(packed, ready(tokens, "dense", False)), many)
        return found
    add("padded", lambda items: padded(loaded, items, 32768), few)
    add("padded, compiled", lambda items: _compiled_padded(loaded, items), few)
    add("packed, dense, 4096", partial(packed, ready(4096, "dense", False)), many)
    add("packed, blocks, 16384", partial(packed, ready(16384, "blocks", False)), many)
    add("packed, joined, compiled, 16384", partial(packed, ready(16384, "joined", True)), many)
    for tokens in packs:
        add(f"packed, blocks, compiled, {tokens}", partial(packed, ready(tokens, "blocks", True)), many)
    return found


def _compiled_padded(loaded: Loaded, items: list[Prompt]) -> list[float]:
    with compiled(blocks_of(loaded.model), True):
        return padded(loaded, items, 32768)


def useful(loaded: Loaded, items: list[Prompt]) -> tuple[int, float, int]:
    """Tokens that a packed pass reads, operations that they need at least, and tokens that a naive pass reads."""
    heads, tails = encode_items(loaded, items)
    prefix = shared_prefix(heads)
    config = loaded.model.config
    weights = sum(
        part.weight.numel()
        for block in blocks_of(loaded.model)
        for part in block.modules()
        if isinstance(part, torch.nn.Linear)
    )
    tokens, seen, scoring = prefix, prefix * prefix / 2, 0
    for head, choices in zip(heads, tails, strict=True):
        own = len(head) - prefix
        tokens += own + sum(len(choice) - 1 for choice in choices)
        seen += own * (prefix + own / 2)
        seen += sum((len(choice) - 1) * (len(head) + len(choice) / 2) for choice in choices)
        scoring += sum(map(len, choices))
    attention_work = 4 * config.num_hidden_layers * config.num_attention_heads * config.head_dim * seen
    work = 2 * tokens * weights + attention_work + 2 * scoring * config.hidden_size * config.vocab_size
    naive = sum(len(head) + len(choice) for head, choices in zip(heads, tails, strict=True) for choice in choices)
    return tokens, work, naive


def clock(cuda: bool) -> float:
    """Seconds: of the wall on a GPU, of this process on a CPU, which others share."""
    if cuda:
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def compare(loaded: Loaded, found: list[Variant], shots: int, top: float | None, rounds: int, until: float) -> None:
    """Time all variants in turn, and print a line for each."""
    cuda = loaded.device.type == "cuda"
    for variant in list(found):
        start = time.perf_counter()
        try:
            # Two packs of two lengths, so that nothing is compiled when it is timed.
            variant.run(variant.items[: len(variant.items) // 3])
            variant.run(variant.items[:8])
        except Exception as error:
            say(f"{variant.name} fails: {type(error).__name__}: {' '.join(str(error).split())[:500]}")
            found.remove(variant)
            continue
        say(f"warm: {variant.name} ({time.perf_counter() - start:.1f} s)")
    for _ in range(rounds):
        if found[0].seconds and time.perf_counter() - START > until:
            say("out of time: fewer rounds")
            break
        for variant in found:
            start = clock(cuda)
            variant.scores = variant.run(variant.items)
            variant.seconds.append(clock(cuda) - start)
    _table(loaded, found, shots, top)


def _table(loaded: Loaded, found: list[Variant], shots: int, top: float | None) -> None:
    baseline = next(variant for variant in found if variant.name == "padded")
    slow = statistics.median(baseline.seconds) / len(baseline.items)
    right = np.array(baseline.scores)
    print(f"\n{shots} shots; padded {len(baseline.items)} items, {len(baseline.seconds)} rounds")
    print(
        "variant                              items/s  read tokens/s  naive tokens/s  TFLOP/s  of ceiling  ratio  apart"
    )
    for variant in found:
        seconds = statistics.median(variant.seconds)
        tokens, work, naive = useful(loaded, variant.items)
        if variant.name.startswith("padded"):
            tokens, work = naive, float("nan")
        each = seconds / len(variant.items)
        apart = np.abs(np.array(variant.scores)[: len(right)] - right)
        share = work / seconds / top if top else float("nan")
        print(
            f"{variant.name:<35} {1 / each:8.1f}  {tokens / seconds:13.0f}  {naive / seconds:14.0f}  "
            f"{work / seconds / 1e12:7.1f}  {share:10.1%}  {slow / each:5.1f}  "
            f"mean {apart.mean():.1e} max {apart.max():.1e}  ({min(variant.seconds):.2f}-{max(variant.seconds):.2f} s)"
        )
    print(f"tokens read, of a naive pass: 1 in {naive / useful(loaded, found[-1].items)[0]:.1f}\n", flush=True)


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shape", default="demo", choices=made.SHAPES)
    parser.add_argument("--sections", nargs="+", default=["exact", "ceiling", "attention", "scoring"])
    parser.add_argument("--shots", nargs="+", type=int, default=[0, 10])
    parser.add_argument("--items", type=int, help="items that packed runs read")
    parser.add_argument("--padded-items", type=int, help="items that padded runs read at 10 shots; 8 times at 0 shots")
    parser.add_argument("--packs", nargs="+", type=int, help="token budgets of packs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=420, help="start no round after this many")
    asked = parser.parse_args()
    cuda = asked.device == "cuda"
    if not cuda:
        torch.set_num_threads(1)
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    questions = made.questions(asked.data)
    words = made.tokenizer(questions)
    # Each of the many variants here is compiled for; a run of the library compiles for one.
    torch._dynamo.config.recompile_limit = 256
    say(f"torch {torch.__version__}, {torch.cuda.get_device_name() if cuda else 'CPU'}, {len(questions)} questions")
    if "exact" in asked.sections:
        exact(questions, words, asked.device)
    top = ceiling() if cuda and "ceiling" in asked.sections else None
    config = made.llama(asked.shape)
    if cuda and "attention" in asked.sections:
        for tokens, prefix in ((16384, 640), (16384, 2048)):
            kernels(questions, words, config.num_attention_heads, config.head_dim, tokens, prefix)
        torch.cuda.empty_cache()
    if "scoring" not in asked.sections:
        return
    loaded = made.loaded(config, asked.device, torch.bfloat16 if cuda else torch.float32, words)
    say(f"{asked.shape}: {sum(weight.numel() for weight in loaded.model.parameters()) / 1e9:.2f} billion weights")
    packs = asked.packs or ([4096, 8192, 16384, 32768] if cuda else [256, 512, 1024])
    many = asked.items or (1600 if cuda else 200)
    few = asked.padded_items or (48 if cuda else 12)
    for place, shots in enumerate(asked.shots, start=1):
        prompts = made.prompts(questions, many, shots)
        some = prompts[: min(many, few * (1 if shots else 8))]
        found = variants(loaded, cuda, packs, some, prompts)
        last = asked.seconds * place / len(asked.shots)
        compare(loaded, found, shots, top, asked.rounds, last)
    if cuda:
        say(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
