"""One LoRA fit and its evaluation, as for one (variable, level, boot), against a plain peft loop.

    python benchmarks/lora.py [--device cuda] [--shape llama-7b] [--quantization 8bit] [--items 160] [--tested 500]

The plain loop is a careful one: the same adapter, items, order, steps and optimiser; each choice a sequence, padded to
the micro-batch's longest, items sorted by length where that changes nothing; log-softmax on answer rows only. What it
cannot do is read a question once for all its choices. The shape `demo` is the model that ships; others have random
weights, made where they run, in bfloat16. Without dropout, so that both ways fit the same weights. Prints seconds (CPU
time; wall time on a GPU) of fit and evaluation, interleaved, ratios of medians, and how far apart the two ways' scores
end; and whether the base model scores as it did before.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig

from uphill.datasets.world import Settings, load
from uphill.engine import loading
from uphill.engine.adapters import Adapters
from uphill.engine.lora_recipe import LoraRecipe
from uphill.engine.lora_schedule import Schedule, schedule
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt, encode_items
from uphill.prompts import PromptFormat, Question
from uphill.randomness import Key, keyed_torch_seed

DEMO = "resources/demo-model"
# The rate that the demo's config takes: its model is small.
RECIPE = LoraRecipe(dropout=0, lr=1e-3)
KEY: tuple[Key, ...] = ("benchmark",)
MICRO_SEQUENCES = 36
"""The release's micro-batch for a 7B model."""
BATCH_TOKENS = {"cpu": 4096, "cuda": 32768}
"""Tokens of the plain way's padded batch in evaluation."""
PACK_TOKENS = {"cpu": 512, "cuda": 8192}
SHAPES: dict[str, dict[str, int]] = {
    "small": {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 4, "num_attention_heads": 8},
    "llama-7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
}
Tokens = list[tuple[list[int], list[list[int]]]]
Array = NDArray[np.float64]


def items(count: int, skipped: int) -> tuple[list[Prompt], list[int]]:
    """Zero-shot questions of the demo world, and the index of each one's right choice."""
    rows = load(Settings(domain="dial", n_items=count + skipped, seed=7)).iloc[skipped:]
    asked = PromptFormat("0040")
    questions = [Question(row.question, list(row.choices), row.answer_text) for row in rows.itertuples()]
    prompts = [
        Prompt(name, asked.query(question), question.choices)
        for name, question in zip(rows["item_id"], questions, strict=True)
    ]
    return prompts, rows["answer_idx"].astype(int).tolist()


def opened(shape: str, quantization: str, device: str) -> loading.Loaded:
    """The demo model, or a random one of a shape."""
    entry = {"path": DEMO, "dtype": "float32", "quantization": quantization, "trust_remote_code": False}
    if shape == "demo":
        return loading.load(entry, PACK_TOKENS[device], gpus=int(device == "cuda"))
    config = LlamaConfig(vocab_size=32000, max_position_embeddings=4096, **SHAPES[shape])
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval().requires_grad_(False)
    if quantization != "none":
        _quantize(model, quantization, device)
    return loading.Loaded(model, AutoTokenizer.from_pretrained(DEMO), torch.device(device), PACK_TOKENS[device])


def _quantize(model: Any, quantization: str, device: str) -> None:
    """What loading with bitsandbytes does: every linear map but the LM head, in the settings of `loading`."""
    from bitsandbytes.nn import modules as layers

    eight = quantization == "8bit"
    for name, module in list(model.named_modules()):
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        shape, weight = (module.in_features, module.out_features), module.weight.data.cpu()
        if eight:
            quantized: Any = layers.Linear8bitLt(*shape, bias=False, has_fp16_weights=False, threshold=6.0)
            quantized.weight = layers.Int8Params(weight, requires_grad=False, has_fp16_weights=False)
        else:
            quantized = layers.Linear4bit(*shape, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")
            quantized.weight = layers.Params4bit(weight, requires_grad=False, quant_type="nf4")
        model.set_submodule(name, quantized.to(device).eval())
    setattr(model, f"is_loaded_in_{quantization}", True)


def ours(loaded: loading.Loaded, given: list[Prompt], gold: list[int], tested: list[Prompt]) -> tuple[float, ...]:
    """When the fit began, ended, and the evaluation ended; the scores of every tested choice behind them."""
    start = _now(loaded)
    with Adapters(loaded, RECIPE).fitted(given, gold, KEY) as fitted:
        middle = _now(loaded)
        scores = [value for found in score(fitted, tested) for value in found.logprob]
        return start, middle, _now(loaded), *scores


def plain(loaded: loading.Loaded, given: list[Prompt], gold: list[int], tested: list[Prompt]) -> tuple[float, ...]:
    """The same by peft alone."""
    start = _now(loaded)
    shown, asked = (list(zip(*encode_items(loaded, prompts), strict=True)) for prompts in (given, tested))
    with _adapted(loaded.model) as model:
        _fit(loaded, model, shown, gold, schedule(RECIPE, [len(choices) for _, choices in shown], KEY))
        middle = _now(loaded)
        scores = _evaluate(loaded, asked)
        return start, middle, _now(loaded), *scores


@contextmanager
def _adapted(model: Any) -> Iterator[Any]:
    torch.manual_seed(keyed_torch_seed("lora", *KEY))
    config = LoraConfig(
        r=RECIPE.r,
        lora_alpha=RECIPE.alpha,
        lora_dropout=RECIPE.dropout,
        target_modules=RECIPE.target_modules,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    try:
        yield adapted
    finally:
        adapted.unload()
        model.eval()


def _fit(loaded: loading.Loaded, model: Any, shown: Tokens, gold: Sequence[int], planned: Schedule) -> None:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=RECIPE.lr, weight_decay=RECIPE.weight_decay)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, planned.rate)
    model.train()
    for (batch,) in tqdm(planned.steps, desc="plain fit", leave=False, disable=None):
        optimiser.zero_grad()
        # Alike lengths together; the step's gradient is a sum.
        rows = sorted(batch.rows, key=lambda row: len(shown[row][0]))
        for micro in _micro_batches(rows, shown):
            pairs = [(shown[row][0], choice) for row in micro for choice in shown[row][1]]
            scores = _scores(loaded, pairs).split([len(shown[row][1]) for row in micro])
            nll = [-found.log_softmax(0)[gold[row]] for found, row in zip(scores, micro, strict=True)]
            (torch.stack(nll).sum() * batch.weight).backward()
        torch.nn.utils.clip_grad_norm_(weights, RECIPE.clip)
        optimiser.step()
        rates.step()
    model.eval()


def _micro_batches(rows: list[int], shown: Tokens) -> Iterator[list[int]]:
    micro: list[int] = []
    for row in rows:
        if micro and sum(len(shown[chosen][1]) for chosen in [*micro, row]) > MICRO_SEQUENCES:
            yield micro
            micro = []
        micro.append(row)
    yield micro


@torch.inference_mode()
def _evaluate(loaded: loading.Loaded, asked: Tokens) -> list[float]:
    pairs = [(head, choice) for head, choices in asked for choice in choices]
    lengths = [len(head) + len(choice) for head, choice in pairs]
    order = sorted(range(len(pairs)), key=lambda index: -lengths[index])
    scores = [0.0] * len(pairs)
    first = 0
    while first < len(order):
        batch = order[first : first + max(1, BATCH_TOKENS[loaded.device.type] // lengths[order[first]])]
        first += len(batch)
        for index, value in zip(batch, _scores(loaded, [pairs[index] for index in batch]).tolist(), strict=True):
            scores[index] = value
    return scores


def _scores(loaded: loading.Loaded, pairs: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """Summed log-probability of each answer, one padded sequence each."""
    width = max(len(head) + len(choice) for head, choice in pairs)
    whole = [[*head, *choice] for head, choice in pairs]
    ids = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens in whole], device=loaded.device)
    mask = torch.tensor([[1] * len(tokens) + [0] * (width - len(tokens)) for tokens in whole], device=loaded.device)
    logits = loaded.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    places = [
        (row, len(head) + number - 1, token)
        for row, (head, choice) in enumerate(pairs)
        for number, token in enumerate(choice)
    ]
    owner, place, token = torch.tensor(places, device=loaded.device).T
    logprob = logits[owner, place].float().log_softmax(-1).gather(-1, token[:, None])[:, 0]
    return torch.zeros(len(pairs), device=loaded.device).index_add(0, owner, logprob)


def _now(loaded: loading.Loaded) -> float:
    if loaded.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _choices(scores: Array, tested: list[Prompt]) -> NDArray[np.int64]:
    """Index of the likeliest choice of each item."""
    ends = np.cumsum([len(prompt.choices) for prompt in tested])
    return np.array([found.argmax() for found in np.split(scores, ends[:-1])])


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=["demo", *SHAPES], default="demo")
    parser.add_argument("--quantization", choices=["none", "8bit", "4bit"], default="none")
    parser.add_argument("--items", type=int, default=160)
    parser.add_argument("--tested", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    loaded = opened(arguments.shape, arguments.quantization, arguments.device)
    (given, gold), (tested, right) = items(arguments.items, 0), items(arguments.tested, arguments.items)
    Adapters(loaded, RECIPE)  # before the first pass: see its notes on 4 bits
    before = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    for way in (ours, plain):  # start-up
        way(loaded, given[:16], gold[:16], tested[:16])
    times: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
    found: dict[str, Array] = {}
    for _ in range(arguments.repeats):
        for name, way in (("plain", plain), ("ours", ours)):
            start, middle, end, *scores = way(loaded, given, gold, tested)
            times[name].append((middle - start, end - middle))
            found[name] = np.array(scores)
    after = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    print(f"{arguments.shape}, {arguments.quantization}, {arguments.device}, threads: 1")
    print(f"{len(given)} items fitted, {len(tested)} tested, packed: {loaded.packed}")
    table = {name: np.median([[fit, told, fit + told] for fit, told in rows], axis=0) for name, rows in times.items()}
    for part, slow, fast in zip(("fit", "evaluation", "both"), table["plain"], table["ours"], strict=True):
        print(f"{part:<12} plain {slow:8.2f} s   ours {fast:8.2f} s   ratio {slow / fast:5.1f}")
    for name, values in {"before the fit": before, **found}.items():
        print(f"accuracy {(_choices(values, tested) == right).mean():.3f} {name}")
    same = (_choices(found["plain"], tested) == _choices(found["ours"], tested)).mean()
    print(f"largest difference of a score {np.abs(found['plain'] - found['ours']).max():.1e} nats", end=", ")
    print(f"of what the fit changed {np.abs(found['ours'] - before).max():.1e}; same prediction on {same:.1%}")
    print(f"base model as before: {bool(np.array_equal(before, after))}")
    if arguments.device == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
