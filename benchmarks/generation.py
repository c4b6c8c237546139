"""Generation behind a shared prefix against transformers' `generate`, on this machine: same prompts, runs interleaved.

    python benchmarks/generation.py [--items 240] [--batch 32] [--repeats 3]
    python benchmarks/generation.py --device cuda --shape llama-7b --items 128 --batch 64 --repeats 1
    python benchmarks/generation.py --device cuda --shape llama-7b --check

Without `--shape` the demo model writes out its reasoning, and an answer is over where it says so. With it the model has
random weights in bfloat16 and every answer is of full length, so that rows which finish early gain nothing. There a
decode step is timed too, recorded as a CUDA graph and not, beside its floor: the weights and the keys and values that
it reads, at the rate of a copy on this GPU.

`--check` times nothing. Small models in float32 must give the same tokens recorded, not recorded and by `generate`; and
with the shape's, in bfloat16, log-probabilities may be no further from float32 than twice those of a plain pass.

The baselines: `generate`, prompts sorted by length and padded on the left, each row stopped where its answer is over;
and `generate_batch`, transformers' continuous batching (a line break ends its answers, for it knows of tokens only).
Prints time without start-up (CPU time on a CPU), tokens/s of answers, ratios of medians, and in float32 how many
answers are the same.
"""

import argparse
import itertools
import logging
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    StoppingCriteria,
    StoppingCriteriaList,
)

from uphill.datasets.world import Settings, load
from uphill.engine import loading
from uphill.engine.decoding import Continuation, Decoder, chosen_by, decode
from uphill.engine.ending import Ending
from uphill.engine.generation import generate, shared_start
from uphill.engine.launching import recorder
from uphill.engine.prefix_attention import shared_prefix_attention
from uphill.engine.sampling import GREEDY, Sampling
from uphill.engine.scoring import read_prefix
from uphill.engine.tokens import encode_prompts
from uphill.prompts.extraction import answer_end
from uphill.prompts.templates import Question, assemble, published

Config: TypeAlias = LlamaConfig | GPTNeoXConfig

DEMO = {"path": "resources/demo-models/1280k", "dtype": "float32", "quantization": "none", "trust_remote_code": False}
SHAPES = {
    "llama-7b": LlamaConfig(
        num_hidden_layers=32,
        hidden_size=4096,
        intermediate_size=11008,
        vocab_size=32000,
        max_position_embeddings=4096,
    ),
    "llama-8b": LlamaConfig(
        num_hidden_layers=32,
        hidden_size=4096,
        intermediate_size=14336,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=128256,
        max_position_embeddings=8192,
    ),
}
SMALL: dict[str, Any] = {
    "num_hidden_layers": 3,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "vocab_size": 1000,
    "initializer_range": 0.2,
}
CHECKED: dict[str, Config] = {
    "llama": LlamaConfig(**SMALL),
    "grouped": LlamaConfig(**SMALL, num_key_value_heads=2),
    "gpt_neox": GPTNeoXConfig(**SMALL),
}
# Shots, and the tokens of GSM8K's prompts: of so many solved examples, and of a question.
EXAMPLE_TOKENS = {0: 0, 4: 700}
QUESTION_TOKENS = (60, 120)


@dataclass(frozen=True)
class Work:
    """What is to be generated."""

    loaded: loading.Loaded
    prompts: list[str]
    max_new_tokens: int
    batch: int

    def tokens(self, answers: Sequence[str]) -> int:
        """Tokens of answers."""
        return sum(map(len, self.loaded.tokenizer(list(answers), add_special_tokens=False)["input_ids"]))


def demo_prompts(count: int, shots: int) -> list[str]:
    """Written items of the demo world behind `shots` solved examples, reasoning included."""
    items = load(Settings(domain="road", n_items=count + shots, seed=99, generative=True))
    asked = published("0305", cot=True)
    questions = [Question(row.question, [], row.answer_text, row.reasoning) for row in items.itertuples()]
    examples = [asked.example(question) for question in questions[:shots]]
    return [assemble(examples, asked.query(question)) for question in questions[shots:]]


def random_prompts(count: int, shots: int, vocabulary: int) -> list[str]:
    """Random words, one token each, as many as a GSM8K prompt has tokens."""
    rng = np.random.default_rng(0)

    def words(number: int) -> list[str]:
        return [f"w{word}" for word in rng.integers(1, vocabulary, number)]

    shared = words(EXAMPLE_TOKENS[shots])
    return [" ".join(shared + words(int(rng.integers(*QUESTION_TOKENS)))) for _ in range(count)]


def random_model(config: Config, device: str, dtype: torch.dtype = torch.bfloat16) -> loading.Loaded:
    """A model of a shape that no end of text stops, with a tokenizer of one token a word."""
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    model.config.eos_token_id = None
    # A special token is found inside words too: it must begin none.
    vocabulary = {"<s>": 0, **{f"w{number}": number for number in range(1, config.vocab_size)}}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<s>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>")
    return loading.Loaded(model, tokenizer, torch.device(device), pack_tokens=16384, bos="always")


class AnswerOver(StoppingCriteria):  # type: ignore[misc]
    """Stops each row where its answer is over; looks at rows whose last token ends a line, and at no row twice."""

    def __init__(self, tokenizer: Any, width: int, rows: int) -> None:
        self.tokenizer, self.width = tokenizer, width
        self.over = [False] * rows

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:  # noqa: ARG002 - its interface
        last = self.tokenizer.batch_decode(input_ids[:, -1:])
        for row, text in enumerate(last):
            if not self.over[row] and ("\n" in text or ":" in text):
                self.over[row] = answer_end(self.tokenizer.decode(input_ids[row, self.width :])) is not None
        return torch.tensor(self.over, device=input_ids.device)


def ours(work: Work) -> list[str]:
    """By the library."""
    return [answer.text for answer in generate(work.loaded, work.prompts, work.max_new_tokens, work.batch)]


@torch.inference_mode()
def plain(work: Work) -> list[str]:
    """By `generate`."""
    model, tokenizer = work.loaded.model, work.loaded.tokenizer
    heads = encode_prompts(work.loaded, work.prompts)
    order = sorted(range(len(heads)), key=lambda index: -len(heads[index]))
    answers = [""] * len(heads)
    for first in range(0, len(order), work.batch):
        chosen = order[first : first + work.batch]
        width = max(len(heads[index]) for index in chosen)
        padding = [width - len(heads[index]) for index in chosen]
        ids = torch.tensor([[0] * pad + heads[index] for pad, index in zip(padding, chosen, strict=True)])
        mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in padding])
        output = model.generate(
            input_ids=ids.to(work.loaded.device),
            attention_mask=mask.to(work.loaded.device),
            generation_config=GenerationConfig(
                max_new_tokens=work.max_new_tokens, do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=0
            ),
            stopping_criteria=StoppingCriteriaList([AnswerOver(tokenizer, width, len(chosen))]),
        )
        for index, text in zip(
            chosen, tokenizer.batch_decode(output[:, width:], skip_special_tokens=True), strict=True
        ):
            answers[index] = text[: answer_end(text)].strip()
    return answers


def paged(work: Work) -> list[str]:
    """By `generate_batch`."""
    heads = encode_prompts(work.loaded, work.prompts)
    config = GenerationConfig(
        max_new_tokens=work.max_new_tokens,
        do_sample=False,
        eos_token_id=work.loaded.tokenizer.convert_tokens_to_ids("\n"),
        pad_token_id=0,
    )
    # Each may have replaced the model's attention by its own kind.
    before = work.loaded.model.config._attn_implementation
    found = work.loaded.model.generate_batch(inputs=heads, generation_config=config, progress_bar=False)
    work.loaded.model.set_attn_implementation(before)
    order = sorted(found.values(), key=lambda one: int(one.request_id.rsplit("_", 1)[-1]))
    texts = [work.loaded.tokenizer.decode(one.generated_tokens, skip_special_tokens=True) for one in order]
    return [text[: answer_end(text)].strip() for text in texts]


def timed(way: Callable[[Work], list[str]], work: Work) -> tuple[float, list[str]]:
    """Seconds (of CPU time, on a CPU) and answers."""
    on_gpu = work.loaded.device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    start = clock()
    answers = way(work)
    if on_gpu:
        torch.cuda.synchronize()
    return clock() - start, answers


def compare(work: Work, ways: dict[str, Callable[[Work], list[str]]], repeats: int, title: str) -> None:
    """Print one line for each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[str]] = {}
    few = replace(work, prompts=work.prompts[:2], max_new_tokens=4)
    for name, way in ways.items():
        # Ours is checked once for all that ask for no more; that is no part of what is timed.
        seconds, _ = timed(way, work if name == "uphill" else few)
        if name == "uphill":
            print(f"{title}  {name:<14} {seconds:7.2f} s  the first time, its way checked and compiled", flush=True)
    for _ in range(repeats):
        for name, way in ways.items():
            seconds, answers[name] = timed(way, work)
            times[name].append(seconds)
    reference, slow = answers["generate"], statistics.median(times["generate"])
    for name in ways:
        seconds = statistics.median(times[name])
        same = f"same answers {sum(map(str.__eq__, answers[name], reference))} of {len(reference)}"
        print(
            f"{title}  {name:<14} {seconds:7.2f} s  {work.tokens(answers[name]) / seconds:8.0f} tokens/s  "
            f"ratio {slow / seconds:5.2f}  {same if work.loaded.model.dtype == torch.float32 else ''}",
            flush=True,
        )


def copied_bytes_a_second(device: torch.device) -> float:
    """What a copy of 4 GiB reads and writes, by the median of 10."""
    source = torch.empty(2**32, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / statistics.median(seconds_each(lambda: target.copy_(source), 10))


def seconds_each(action: Callable[[], object], times: int) -> list[float]:
    """Seconds of the GPU for each of so many runs of an action, launched one behind the other."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(times + 1)]
    events[0].record()
    for event in events[1:]:
        action()
        event.record()
    torch.cuda.synchronize()
    return [before.elapsed_time(after) / 1000 for before, after in itertools.pairwise(events)]


def decoder_of(loaded: loading.Loaded, heads: Sequence[list[int]], longest: int, recorded: bool) -> Decoder:
    """One that has read prompts, with room for answers of so many tokens."""
    start = shared_start(loaded, heads)
    width = max(map(len, heads)) - start + longest
    record = recorder(loaded.model) if recorded else None
    decoder = Decoder(loaded, read_prefix(loaded, heads[0][:start]), start, len(heads), width, record)
    with shared_prefix_attention(loaded.model):
        decoder.add(
            [Continuation(number, 0, "", head, GREEDY.generator("", number)) for number, head in enumerate(heads)]
        )
    return decoder


def step(decoder: Decoder) -> None:
    """The likeliest token for each row."""
    decoder.push(decoder.logits().argmax(-1))


@torch.inference_mode()
def time_steps(work: Work, bandwidth: float, title: str) -> None:
    """Print the time of a full batch's step in mid-answer, the median of 24, and what it is made of."""
    model, heads = work.loaded.model, encode_prompts(work.loaded, work.prompts[: work.batch])
    times = {}
    for recorded in (False, True):
        decoder = decoder_of(work.loaded, heads, 32, recorded)
        with shared_prefix_attention(model):
            each = seconds_each(partial(step, decoder), 32)
        times[recorded] = 1000 * statistics.median(each[8:])
    embedding = model.get_input_embeddings().weight
    tied = embedding is model.get_output_embeddings().weight
    weights = model.num_parameters() * model.dtype.itemsize - (0 if tied else embedding.nbytes)
    shape = model.config
    token = 2 * shape.num_hidden_layers * shape.num_key_value_heads * shape.head_dim * model.dtype.itemsize
    held = token * (decoder.start + sum(len(head) - decoder.start + 20 for head in heads))
    floor = 1000 * (weights + held) / bandwidth
    print(
        f"{title}  a step {times[False]:.1f} ms, recorded {times[True]:.1f} ms ({times[True] / floor:.1f} floors)  "
        f"floor {floor:.1f} ms: {weights / 1e9:.1f} GB weights, {held / 1e9:.1f} GB keys and values, "
        f"{bandwidth / 1e12:.1f} TB/s",
        flush=True,
    )


@torch.inference_mode()
def check_tokens(name: str, config: Config, device: str) -> bool:
    """Whether a small model in float32 gives the same tokens in each way, of rows that come, end and go."""
    loaded = random_model(config, device, torch.float32)
    ends = list(range(100, 130))
    loaded.model.config.eos_token_id = ends
    heads = encode_prompts(loaded, random_prompts(16, 0, config.vocab_size))
    shared, longest, count = heads[0][1:40], 40, 6
    heads = [head[:1] + shared + head[1 + 2 * number :] for number, head in enumerate(heads)]
    start = shared_start(loaded, heads)
    prefix, record = read_prefix(loaded, heads[0][:start]), recorder(loaded.model)

    def found(sampling: Sampling, recorded: bool) -> list[list[int]]:
        rows = [
            Continuation(number, 0, str(number), head, sampling.generator(str(number), 0))
            for number, head in enumerate(heads)
        ]
        ending = Ending(loaded, lambda _: None, longest)
        for _ in decode(loaded, rows, prefix, start, count, ending, chosen_by(sampling), record if recorded else None):
            pass
        return [row.tokens for row in rows]

    plain = []
    for head in heads:
        ids = torch.tensor([head], device=device)
        settings = GenerationConfig(max_new_tokens=longest, do_sample=False, eos_token_id=ends, pad_token_id=0)
        output = loaded.model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        plain.append(output[0, len(head) :].tolist())
    greedy = [found(GREEDY, recorded) for recorded in (True, False)]
    drawn = [found(Sampling(temperature=0.5), recorded) for recorded in (True, False)]
    same = [sum(a == b for a, b in zip(*pair, strict=True)) for pair in (greedy, [greedy[0], plain], drawn)]
    print(
        f"{name} float32  {len(heads)} rows of {min(map(len, plain))} to {max(map(len, plain))} tokens: "
        f"recorded as not recorded {same[0]}, as generate {same[1]}, draws as not recorded {same[2]}",
        flush=True,
    )
    return min(same) == len(heads)


@torch.inference_mode()
def check_logprobs(config: Config, device: str, count: int = 16, longest: int = 32) -> bool:
    """Whether a model in bfloat16, made to go on with given tokens, is as near to float32 as a plain pass is."""
    loaded = random_model(config, device)
    heads = encode_prompts(loaded, random_prompts(count, 4, config.vocab_size))
    given = torch.randint(1, config.vocab_size, (count, longest), device=device)

    def forced(recorded: bool) -> torch.Tensor:
        decoder = decoder_of(loaded, heads, longest, recorded)
        found = []
        with shared_prefix_attention(loaded.model):
            for tokens in given.T:
                found.append(decoder.logits().float().log_softmax(-1))
                decoder.push(tokens)
        return torch.stack(found, 1)

    def plain() -> torch.Tensor:
        found = []
        for head, tokens in zip(heads, given, strict=True):
            ids = torch.cat([torch.tensor(head, device=device), tokens[:-1]])[None]
            logits = loaded.model(input_ids=ids, use_cache=False, logits_to_keep=longest).logits[0]
            found.append(logits.float().log_softmax(-1))
        return torch.stack(found)

    graphs, kernels, passes = forced(True), forced(False), plain()
    loaded.model.float()
    exact = plain()
    off = [float((one - exact).abs().mean()) for one in (graphs, kernels, passes)]
    print(
        f"bfloat16  {count} rows, {longest} given tokens: mean |difference| of log-probabilities from float32 "
        f"recorded {off[0]:.4f}, not recorded {off[1]:.4f}, plain passes {off[2]:.4f}; "
        f"recorded from not recorded {float((graphs - kernels).abs().mean()):.4f}",
        flush=True,
    )
    return max(off[:2]) <= 2 * off[2]


class Failures(logging.Handler):
    """Notes that a step could not be recorded, which would make a comparison with itself."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        logging.getLogger("uphill.engine.launching").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Print and keep it."""
        self.messages.append(record.getMessage())
        print(self.messages[-1], flush=True)


def check(config: Config, device: str) -> bool:
    """Whether all is as it should be."""
    failures = Failures()
    right = [check_tokens(name, small, device) for name, small in CHECKED.items()]
    return all([*right, check_logprobs(config, device)]) and not failures.messages


def main() -> None:
    """Compare at 0 and 4 shots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=240)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--new", type=int, default=64, help="longest answer, in tokens")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--check", action="store_true", help="of the shape, on a GPU: are recorded steps right?")
    parser.add_argument("--paged", action="store_true", help="time generate_batch too, which takes long on a CPU")
    arguments = parser.parse_args()
    ways: dict[str, Callable[[Work], list[str]]] = {"generate": plain, "uphill": ours}
    if arguments.paged:
        ways["generate_batch"] = paged
    if arguments.check:
        if not (arguments.shape and arguments.device.startswith("cuda")):
            parser.error("--check needs --shape and --device cuda")
        sys.exit(0 if check(SHAPES[arguments.shape], arguments.device) else "not as it should be")
    if arguments.shape:
        loaded = random_model(SHAPES[arguments.shape], arguments.device)
    else:
        torch.set_num_threads(1)
        loaded = loading.load(DEMO, pack_tokens=512)
    on_gpu = loaded.device.type == "cuda"
    bandwidth = copied_bytes_a_second(loaded.device) if on_gpu else 0.0
    for shots in (0, 4):
        if arguments.shape:
            prompts = random_prompts(arguments.items, shots, SHAPES[arguments.shape].vocab_size)
        else:
            prompts = demo_prompts(arguments.items, shots)
        work = Work(loaded, prompts, arguments.new, arguments.batch)
        title = f"{shots} shots  {arguments.items} items  batch {arguments.batch}"
        compare(work, ways, arguments.repeats, title)
        if on_gpu:
            time_steps(work, bandwidth, title)


if __name__ == "__main__":
    main()
