"""Generation behind a shared prefix against transformers' `generate`, on this machine: same prompts, runs interleaved.

    python benchmarks/generation.py [--items 240] [--batch 32] [--repeats 3]
    python benchmarks/generation.py --device cuda --shape llama-7b --items 128 --batch 64 --repeats 1

Without `--shape` the demo model writes out its reasoning, and an answer is over where it says so. With it the model has
random weights in bfloat16 and every answer is of full length, so that rows which finish early gain nothing.

The baselines: `generate`, prompts sorted by length and padded on the left, each row stopped where its answer is over;
and `generate_batch`, transformers' continuous batching (a line break ends its answers, for it knows of tokens only).
Prints time without start-up (CPU time on a CPU), tokens/s of answers, ratios of medians, and how many answers are the
same; in 16 bits rounding makes some differ.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    StoppingCriteria,
    StoppingCriteriaList,
)

from uphill.datasets.world import Settings, load
from uphill.engine import loading
from uphill.engine.generation import generate
from uphill.engine.tokens import encode_prompts
from uphill.prompts import PromptFormat, Question, assemble
from uphill.prompts.extraction import answer_end

DEMO = {"path": "resources/demo-model", "dtype": "float32", "quantization": "none", "trust_remote_code": False}
SHAPES = {"llama-7b": LlamaConfig(num_hidden_layers=32, hidden_size=4096, intermediate_size=11008, vocab_size=32000)}
# Shots, and the tokens of GSM8K's prompts: of so many solved examples, and of a question.
EXAMPLE_TOKENS = {0: 0, 4: 700, 8: 1400}
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
    asked = PromptFormat("0305", cot=True)
    questions = [Question(row.question, [], row.answer_text, row.reasoning) for row in items.itertuples()]
    examples = [asked.example(question) for question in questions[:shots]]
    return [assemble(examples, asked.query(question)) for question in questions[shots:]]


def random_prompts(count: int, shots: int, vocabulary: int) -> list[str]:
    """Random words, one token each, as many as a GSM8K prompt has tokens."""
    rng = np.random.default_rng(0)

    def words(number: int) -> list[str]:
        return [f"w{word}" for word in rng.integers(3, vocabulary, number)]

    shared = words(EXAMPLE_TOKENS[shots])
    return [" ".join(shared + words(int(rng.integers(*QUESTION_TOKENS)))) for _ in range(count)]


def random_model(config: LlamaConfig, device: str) -> loading.Loaded:
    """A model of a shape, in bfloat16, that no end of text stops, with a tokenizer of one token a word."""
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    model.generation_config.eos_token_id = None
    vocabulary = {f"w{number}": number for number in range(config.vocab_size)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="w1")
    return loading.Loaded(model, tokenizer, torch.device(device), pack_tokens=16384)


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
    return list(generate(work.loaded, work.prompts, work.max_new_tokens, work.batch))


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
    for way in ways.values():
        way(few)
    for _ in range(repeats):
        for name, way in ways.items():
            seconds, answers[name] = timed(way, work)
            times[name].append(seconds)
    reference, slow = answers["generate"], statistics.median(times["generate"])
    for name in ways:
        seconds = statistics.median(times[name])
        same = sum(a == b for a, b in zip(answers[name], reference, strict=True))
        print(
            f"{title}  {name:<14} {seconds:7.2f} s  {work.tokens(answers[name]) / seconds:8.0f} tokens/s  "
            f"ratio {slow / seconds:5.2f}  same answers {same} of {len(reference)}",
            flush=True,
        )


def main() -> None:
    """Compare at 0 and 4 shots, or with a shape at 0 and 8."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=240)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--new", type=int, default=64, help="longest answer, in tokens")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--paged", action="store_true", help="time generate_batch too, which takes long on a CPU")
    arguments = parser.parse_args()
    ways: dict[str, Callable[[Work], list[str]]] = {"generate": plain, "uphill": ours}
    if arguments.paged:
        ways["generate_batch"] = paged
    if arguments.shape:
        loaded = random_model(SHAPES[arguments.shape], arguments.device)
    else:
        torch.set_num_threads(1)
        loaded = loading.load(DEMO, pack_tokens=512)
    for shots in (0, 8) if arguments.shape else (0, 4):
        if arguments.shape:
            prompts = random_prompts(arguments.items, shots, SHAPES[arguments.shape].vocab_size)
        else:
            prompts = demo_prompts(arguments.items, shots)
        work = Work(loaded, prompts, arguments.new, arguments.batch)
        compare(work, ways, arguments.repeats, f"{shots} shots  {arguments.items} items  batch {arguments.batch}")


if __name__ == "__main__":
    main()
