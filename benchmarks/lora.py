"""One LoRA fit and its evaluation, as for one (variable, level, boot), against a plain peft loop.

    python benchmarks/lora.py [--device cuda] [--shape llama-7b] [--quantization 8bit] [--dropout 0.1]
    python benchmarks/lora.py --check [--device cuda] [--shape llama-7b]
    python benchmarks/lora.py --grid [--device cuda] [--shape smollm2 | llama-7b] [--dropout 0.1] [--pack 16384]

The plain loop is a careful one: the same adapter, items, order, steps and optimiser; each choice a sequence, padded to
the micro-batch's longest, items sorted by length where that changes nothing; log-softmax on answer rows only. What it
cannot do is read a question once for all its choices. The shape `demo` is the model that ships; others have random
weights, made where they run, in bfloat16. Without dropout both ways fit the same weights, but for rounding. Prints
seconds (CPU time; wall time on a GPU) of fit and evaluation, interleaved, ratios of medians, and how far apart the two
ways' scores end; and whether the base model scores as it did before.

`--check` says how much of that difference is rounding: fits in float32, where both ways must agree, and in bfloat16,
beside what the plain loop differs from itself with smaller micro-batches, and packs of two sizes with dropout. Of the
shape `small` (512 wide, 4 layers) unless another is given.

`--grid` fits a grid of 3 levels and 3 boots, each cell to items of its own, one fit after the other and side by side,
and scores some items with each; of the shape `smollm2` (a model of 135M) on a GPU unless another is given. How far
apart scores end is printed beside how far the fits moved them, and how far one fit ends from itself in smaller packs.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
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
from uphill.engine.lora_schedule import schedule
from uphill.engine.scoring import score
from uphill.engine.stacked_adapters import Fit, fitted_in_turn
from uphill.engine.tokens import Prompt, encode_items
from uphill.prompts.templates import Question, published
from uphill.randomness import Key, keyed_torch_seed

DEMO = "resources/demo-models/1280k"
# The rate that the demo's config takes: its model is small.
RECIPE = LoraRecipe(dropout=0, lr=1e-3)
KEY: tuple[Key, ...] = ("benchmark",)
MICRO_SEQUENCES = 36
"""The release's micro-batch for a 7B model."""
BATCH_TOKENS = {"cpu": 4096, "cuda": 32768}
"""Tokens of the plain way's padded batch in evaluation."""
PACK_TOKENS = {"cpu": 512, "cuda": 8192}
CHECKED_ITEMS = {"cpu": 16, "cuda": 48}
CELLS = 9
"""Levels times boots of a grid."""
SHAPES: dict[str, dict[str, int]] = {
    "smollm2": {
        **{"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9},
        **{"num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True},
    },
    "small": {"hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 4, "num_attention_heads": 8},
    "llama-7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
}
Tokens = list[tuple[list[int], list[list[int]]]]
Array = NDArray[np.float64]


def items(count: int, skipped: int) -> tuple[list[Prompt], list[int]]:
    """Zero-shot questions of the demo world, and the index of each one's right choice."""
    rows = load(Settings(domain="dial", n_items=count + skipped, seed=7)).iloc[skipped:]
    asked = published("0040")
    questions = [Question(row.question, list(row.choices), row.answer_text) for row in rows.itertuples()]
    prompts = [
        Prompt(name, asked.query(question), question.choices)
        for name, question in zip(rows["item_id"], questions, strict=True)
    ]
    return prompts, rows["answer_idx"].astype(int).tolist()


def opened(shape: str, quantization: str, device: str, dtype: str = "bfloat16") -> loading.Loaded:
    """The demo model, or a random one of a shape."""
    entry = {"path": DEMO, "dtype": "float32", "quantization": quantization, "trust_remote_code": False}
    if shape == "demo":
        return loading.load(entry, PACK_TOKENS[device], gpus=int(device == "cuda"))
    config = LlamaConfig(**{"vocab_size": 32000, "max_position_embeddings": 4096, **SHAPES[shape]})
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval().requires_grad_(False)
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


def ours(
    loaded: loading.Loaded, given: list[Prompt], gold: list[int], tested: list[Prompt], recipe: LoraRecipe = RECIPE
) -> tuple[float, ...]:
    """When the fit began, ended, and the evaluation ended; the scores of every tested choice behind them."""
    start = _now(loaded)
    with Adapters(loaded, recipe).fitted(given, gold, KEY) as fitted:
        middle = _now(loaded)
        scores = [value for found in score(fitted, tested) for value in found.logprob]
        return start, middle, _now(loaded), *scores


def plain(
    loaded: loading.Loaded,
    given: list[Prompt],
    gold: list[int],
    tested: list[Prompt],
    recipe: LoraRecipe = RECIPE,
    micro_sequences: int = MICRO_SEQUENCES,
) -> tuple[float, ...]:
    """The same by peft alone."""
    start = _now(loaded)
    shown, asked = (list(zip(*encode_items(loaded, prompts), strict=True)) for prompts in (given, tested))
    with _adapted(loaded.model, recipe) as model:
        _fit(loaded, model, shown, gold, recipe, micro_sequences)
        middle = _now(loaded)
        scores = _evaluate(loaded, asked)
        return start, middle, _now(loaded), *scores


@contextmanager
def _adapted(model: Any, recipe: LoraRecipe) -> Iterator[Any]:
    torch.manual_seed(keyed_torch_seed("lora", *KEY))
    config = LoraConfig(
        r=recipe.r,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=recipe.target_modules,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    try:
        yield adapted
    finally:
        adapted.unload()
        model.eval()


def _fit(
    loaded: loading.Loaded, model: Any, shown: Tokens, gold: Sequence[int], recipe: LoraRecipe, micro_sequences: int
) -> None:
    planned = schedule(recipe, [len(choices) for _, choices in shown], KEY)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=recipe.lr, weight_decay=recipe.weight_decay)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, planned.rate)
    model.train()
    for (batch,) in tqdm(planned.steps, desc="plain fit", leave=False, disable=None):
        optimiser.zero_grad()
        # Alike lengths together; the step's gradient is a sum.
        rows = sorted(batch.rows, key=lambda row: len(shown[row][0]))
        for micro in _micro_batches(rows, shown, micro_sequences):
            pairs = [(shown[row][0], choice) for row in micro for choice in shown[row][1]]
            scores = _scores(loaded, pairs).split([len(shown[row][1]) for row in micro])
            nll = [-found.log_softmax(0)[gold[row]] for found, row in zip(scores, micro, strict=True)]
            (torch.stack(nll).sum() * batch.weight).backward()
        torch.nn.utils.clip_grad_norm_(weights, recipe.clip)
        optimiser.step()
        rates.step()
    model.eval()


def _micro_batches(rows: list[int], shown: Tokens, most: int) -> Iterator[list[int]]:
    micro: list[int] = []
    for row in rows:
        if micro and sum(len(shown[chosen][1]) for chosen in [*micro, row]) > most:
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


def _loss(scores: Array, tested: list[Prompt], right: list[int]) -> float:
    """Mean NLL of the right choices, softmax over each item's choices."""
    ends = np.cumsum([len(prompt.choices) for prompt in tested])
    found = zip(np.split(scores, ends[:-1]), right, strict=True)
    return float(np.mean([np.logaddexp.reduce(scored) - scored[gold] for scored, gold in found]))


def _check_rows(loaded: loading.Loaded, given: list[Prompt], gold: list[int]) -> Iterator[tuple[str, Array, Array]]:
    """Scores of the training items, made by the same arithmetic in two orders."""
    dropout, narrow = RECIPE.model_copy(update={"dropout": 0.1}), replace(loaded, pack_tokens=loaded.pack_tokens // 16)
    before = np.array([value for found in score(loaded, given) for value in found.logprob])
    padded = np.array(_evaluate(loaded, list(zip(*encode_items(loaded, given), strict=True))))
    yield "no fit: packed, and padded", before, padded
    one, other = (np.array(plain(loaded, given, gold, given, RECIPE, most)[3:]) for most in (MICRO_SEQUENCES, 8))
    yield f"plain, by {MICRO_SEQUENCES} and by 8 sequences", one, other
    yield "plain, and ours", one, np.array(ours(loaded, given, gold, given)[3:])
    one, other = (np.array(ours(held, given, gold, given, dropout)[3:]) for held in (loaded, narrow))
    yield f"ours, dropout .1, packs of {loaded.pack_tokens} and {narrow.pack_tokens}", one, other


def check(shape: str, device: str) -> None:
    """Compare fits by both ways, and each way with itself in other batches, in float32 and in bfloat16."""
    given, gold = items(CHECKED_ITEMS[device], 0)
    print(f"{shape}, {device}: {len(given)} items fitted, and scored by the fit")
    print(f"{'':<9}{'':<46}{'loss':>9}{'':>9}  largest difference of a score  same prediction")
    for dtype in ("float32", "bfloat16"):
        for named, one, other in _check_rows(opened(shape, "none", device, dtype), given, gold):
            losses = "".join(f"{_loss(values, given, gold):9.5f}" for values in (one, other))
            same = (_choices(one, given) == _choices(other, given)).mean()
            print(f"{dtype:<9}{named:<46}{losses}  {np.abs(one - other).max():24.1e} nats  {same:15.1%}")
    print("What differs in a row is the order of sums, so their rounding. A fit makes more of it: Adam divides each")
    print("gradient by its size, so one that is nothing but rounding moves its weight as far as any other.")


def in_turn(
    loaded: loading.Loaded, fits: list[Fit], tested: list[Prompt], recipe: LoraRecipe, most: int
) -> tuple[float, float, Array]:
    """Seconds of all fits, and of all evaluations, and the scores [fits, choices]."""
    start, evaluating, found = _now(loaded), 0.0, []
    with closing(fitted_in_turn(Adapters(loaded, recipe), fits, most)) as models:
        for fitted in models:
            before = _now(loaded)
            found.append([value for scored in score(fitted, tested) for value in scored.logprob])
            evaluating += _now(loaded) - before
    return _now(loaded) - start - evaluating, evaluating, np.array(found)


def grid(loaded: loading.Loaded, arguments: argparse.Namespace) -> None:
    """Compare fits of a grid side by side with the same fits one after the other."""
    recipe, cuda = RECIPE.model_copy(update={"dropout": arguments.dropout}), arguments.device == "cuda"
    chosen = [items(arguments.items, cell * arguments.items) for cell in range(CELLS)]
    fits = [Fit(*cell, ("grid", number)) for number, cell in enumerate(chosen)]
    tested, _ = items(arguments.tested, CELLS * arguments.items)
    Adapters(loaded, recipe)  # before the first pass: see its notes on 4 bits
    before = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    small = [Fit(fit.prompts[:16], fit.gold[:16], fit.key) for fit in fits]
    for most in (1, CELLS):  # start-up, and the check of stacks
        in_turn(loaded, small, tested[:16], recipe, most)
    seconds: dict[int, list[tuple[float, float]]] = {1: [], CELLS: []}
    found: dict[int, Array] = {}
    memory: dict[int, float] = {}
    for number in range(arguments.repeats):
        for most, rows in seconds.items():
            if cuda:
                torch.cuda.reset_peak_memory_stats()
            fitting, evaluating, found[most] = in_turn(loaded, fits, tested, recipe, most)
            rows.append((fitting, evaluating))
            memory[most] = torch.cuda.max_memory_allocated() / 2**30 if cuda else 0.0
            print(f"round {number + 1}, at most {most} side by side: {fitting:8.2f} s of fits", flush=True)
    narrow = in_turn(replace(loaded, pack_tokens=loaded.pack_tokens // 16), fits[:1], tested, recipe, 1)[2]
    after = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    name = torch.cuda.get_device_name() if cuda else "cpu"
    print(f"{arguments.shape}, {name}, {arguments.quantization}, {loaded.model.dtype}, dropout {arguments.dropout}")
    print(f"{CELLS} fits to {arguments.items} items, {len(tested)} tested, packs of {loaded.pack_tokens} tokens")
    (slow, told), (fast, again) = (np.median(seconds[most], axis=0) for most in (1, CELLS))
    print(f"fits         one by one {slow:8.2f} s   side by side {fast:8.2f} s   ratio {slow / fast:5.2f}")
    print(f"with scores  one by one {slow + told:8.2f} s   side by side {fast + again:8.2f} s", end="   ")
    print(f"ratio {(slow + told) / (fast + again):5.2f}")
    if cuda:
        print(f"peak memory  one by one {memory[1]:8.1f} GiB side by side {memory[CELLS]:8.1f} GiB")
    same = np.mean([_choices(one, tested) == _choices(two, tested) for one, two in zip(*found.values(), strict=True)])
    print(f"largest difference of a score {np.abs(found[1] - found[CELLS]).max():.1e} nats, same prediction {same:.1%}")
    print(f"of the first alone in packs of a sixteenth {np.abs(found[1][:1] - narrow).max():.1e} nats", end=", ")
    print(f"of what the fits changed {np.abs(found[1] - before).max():.1e}")
    print(f"base model as before: {bool(np.array_equal(before, after))}")


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--shape", choices=["demo", *SHAPES])
    parser.add_argument("--quantization", choices=["none", "8bit", "4bit"], default="none")
    parser.add_argument("--items", type=int, default=160)
    parser.add_argument("--tested", type=int, default=500)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="compare small fits in float32 and bfloat16 instead")
    parser.add_argument("--grid", action="store_true", help="compare a grid's fits, side by side and one by one")
    parser.add_argument("--pack", type=int, help="tokens of a pack, and of all fits side by side")
    arguments = parser.parse_args()
    usual = ("smollm2" if arguments.device == "cuda" else "demo") if arguments.grid else "demo"
    arguments.shape = arguments.shape or ("small" if arguments.check else usual)
    torch.set_num_threads(1)
    if arguments.check:
        check(arguments.shape, arguments.device)
        return
    recipe = RECIPE.model_copy(update={"dropout": arguments.dropout})
    loaded = opened(arguments.shape, arguments.quantization, arguments.device)
    loaded.pack_tokens = arguments.pack or loaded.pack_tokens
    if arguments.grid:
        grid(loaded, arguments)
        return
    (given, gold), (tested, right) = items(arguments.items, 0), items(arguments.tested, arguments.items)
    Adapters(loaded, recipe)  # before the first pass: see its notes on 4 bits
    before = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    for way in (ours, plain):  # start-up
        way(loaded, given[:16], gold[:16], tested[:16], recipe)
    times: dict[str, list[tuple[float, float]]] = {"plain": [], "ours": []}
    found: dict[str, Array] = {}
    for _ in range(arguments.repeats):
        for name, way in (("plain", plain), ("ours", ours)):
            start, middle, end, *scores = way(loaded, given, gold, tested, recipe)
            times[name].append((middle - start, end - middle))
            found[name] = np.array(scores)
    after = np.array([value for scored in score(loaded, tested) for value in scored.logprob])
    print(f"{arguments.shape}, {arguments.quantization}, {arguments.device}, dropout {arguments.dropout}, threads: 1")
    print(f"{len(given)} items fitted, {len(tested)} tested, packed: {loaded.packed}")
    table = {name: np.median([[fit, told, fit + told] for fit, told in rows], axis=0) for name, rows in times.items()}
    for part, slow, fast in zip(("fit", "evaluation", "both"), table["plain"], table["ours"], strict=True):
        print(f"{part:<12} plain {slow:8.2f} s   ours {fast:8.2f} s   ratio {slow / fast:5.1f}")
    for name, values in {"before the fit": before, **found}.items():
        print(f"accuracy {(_choices(values, tested) == right).mean():.3f} {name}")
    same = (_choices(found["plain"], tested) == _choices(found["ours"], tested)).mean()
    print(f"largest difference of a score {np.abs(found['plain'] - found['ours']).max():.1e} nats", end=", ")
    print(f"of what the fit changed {np.abs(found['ours'] - before).max():.1e}; same prediction on {same:.1%}")
    if arguments.dropout:
        print("the two ways draw other masks, so their fits are two fits")
    elif loaded.model.dtype != torch.float32:
        print("16 bits round in whatever order they sum; --check says how far the plain loop is from itself in another")
    print(f"base model as before: {bool(np.array_equal(before, after))}")
    if arguments.device == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
