"""What the demo model can do, by number of true steps: zero-shot, few-shot, probes, probe MDL, written reasoning.

A small implementation of its own, for the model card; items come from seeds of `world.load`, which training text never
meets. Accuracies by steps are lists, entry i for i+1 steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tqdm import tqdm
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerFast

from uphill.datasets.world import DOMAINS, MAX_STEPS, Settings, load
from uphill.demo_model.text import FORMATS, FormatName
from uphill.grading.stated import extract_answer, same_answer
from uphill.prompts.templates import Question, assemble

EASY_STEPS, HARD_STEPS = (1, 2), (6, 7, 8)
SHOTS = 8
BOOTS = 5
PROBE_ITEMS = 160
MDL_SIZES = (5, 20, 80, 340)
TEST_SEED, POOL_SEED = 1001, 1002

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reader:
    """A model with its tokenizer; texts in, numbers out. The tokenizer puts BOS before every text."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    batch_size: int = 256

    def _batches(self, texts: Sequence[str]) -> Iterator[BatchEncoding]:
        for start in range(0, len(texts), self.batch_size):
            batch = list(texts[start : start + self.batch_size])
            # Left padding puts all last tokens in one column.
            yield self.tokenizer(batch, return_tensors="pt", padding=True, padding_side="left").to(self.model.device)

    @torch.inference_mode()
    def last_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of the token after each text, (texts, vocabulary)."""
        rows = [self.model(**b, use_cache=False, logits_to_keep=1).logits[:, -1] for b in self._batches(texts)]
        return np.asarray(torch.cat(rows).float().cpu())

    @torch.inference_mode()
    def last_states(self, texts: Sequence[str]) -> torch.Tensor:
        """Hidden states at each text's last token, middle and last layer concatenated, (texts, 2 * width), float32."""
        rows = []
        for batch in self._batches(texts):
            states = self.model(**batch, use_cache=False, output_hidden_states=True).hidden_states
            middle = -(-len(states) // 2)
            rows.append(torch.cat([states[middle][:, -1], states[-1][:, -1]], dim=-1).float().cpu())
        return torch.cat(rows)

    @torch.inference_mode()
    def first_lines(self, texts: Sequence[str], max_new_tokens: int = 80) -> list[str]:
        """Greedy continuations up to the end of the line."""
        newline = self.tokenizer.convert_tokens_to_ids("\n")
        lines: list[str] = []
        for batch in self._batches(texts):
            out = self.model.generate(**batch, max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=newline)
            new = out[:, batch["input_ids"].shape[1] :]
            lines += self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return lines


def evaluate(reader: Reader, items_per_step: int = 200) -> dict[str, Any]:
    """All measurements, by test domain. `items_per_step` test items a domain and number of steps."""
    n_items = items_per_step * MAX_STEPS
    names = list(DOMAINS)
    test = {name: load(Settings(domain=name, n_items=n_items, seed=TEST_SEED)) for name in names}
    pool = {name: load(Settings(domain=name, n_items=n_items, seed=POOL_SEED)) for name in names}
    features = {}
    for name in tqdm(names, desc="reading answers"):
        features[name] = (choice_states(reader, test[name]), choice_states(reader, pool[name]))
    results: dict[str, Any] = {}
    for name, other in tqdm(zip(names, reversed(names), strict=True), desc="measuring", total=len(names)):
        results[name] = {
            **_few_shot_results(reader, test[name], pool[name], pool[other]),
            **_probe_results(features[name], features[other][1], test[name], pool[name], pool[other]),
            "written_reasoning": _reasoning_results(reader, test[name], pool[name]),
        }
    return results


def _few_shot_results(reader: Reader, test: pd.DataFrame, pool: pd.DataFrame, other: pd.DataFrame) -> dict[str, Any]:
    zero_shot = choice_probabilities(reader, test, None)
    return {
        "zero_shot": by_steps(zero_shot.argmax(1) == gold(test), test),
        "zero_shot_mdl_spearman": steps_correlation(1 - at_gold(zero_shot, test), test),
        "easy_shots": _few_shot_accuracy(reader, test, easy(pool)),
        "hard_shots": _few_shot_accuracy(reader, test, hard(pool)),
        "easy_shots_other_domain": _few_shot_accuracy(reader, test, easy(other)),
    }


def _few_shot_accuracy(reader: Reader, test: pd.DataFrame, shots: pd.DataFrame) -> list[float]:
    return by_steps(choice_probabilities(reader, test, shots).argmax(1) == gold(test), test)


def _probe_results(
    features: tuple[torch.Tensor, torch.Tensor],
    other_features: torch.Tensor,
    test: pd.DataFrame,
    pool: pd.DataFrame,
    other: pd.DataFrame,
) -> dict[str, Any]:
    test_features, pool_features = features
    sources = {
        "probe_easy": (pool_features, easy(pool)),
        "probe_hard": (pool_features, hard(pool)),
        "probe_easy_other_domain": (other_features, easy(other)),
    }
    results: dict[str, Any] = {}
    for name, (train_features, train_items) in sources.items():
        right = [
            probe_probabilities(train_features[rows], gold(train_items.loc[rows]), test_features, boot).argmax(1)
            == gold(test)
            for boot in range(BOOTS)
            for rows in [np.random.default_rng(boot).permutation(train_items.index)[:PROBE_ITEMS]]
        ]
        results[name] = by_steps(np.mean(right, axis=0), test)
    results["probe_mdl_spearman"] = steps_correlation(mdl(pool_features, pool, test_features, test), test)
    return results


def _reasoning_results(reader: Reader, test: pd.DataFrame, pool: pd.DataFrame) -> dict[str, Any]:
    """Greedy written reasoning on a quarter of the test items: share with a stated answer, and accuracy by steps."""
    sample = test.iloc[: len(test) // 4]
    results = {}
    for name, shots in {"zero_shot": None, "easy_shots": easy(pool)}.items():
        texts = reader.first_lines(prompts(sample, "reasoning", shots))
        answers = [extract_answer(text) for text in texts]
        right = [same_answer(answer, truth) for answer, truth in zip(answers, sample.answer_text, strict=True)]
        results[name] = {
            "states_an_answer": round(float(np.mean([bool(answer) for answer in answers])), 4),
            "accuracy": by_steps(np.array(right), sample),
        }
    return results


def prompts(items: pd.DataFrame, format_name: FormatName, shots: pd.DataFrame | None) -> list[str]:
    """One prompt an item, each with its own `SHOTS` right examples drawn from `shots`; zero-shot without."""
    prompt_format = FORMATS[format_name]
    solved = [] if shots is None else [prompt_format.example(question(row)) for row in shots.itertuples()]
    rng = np.random.default_rng(TEST_SEED)
    texts = []
    for row in items.itertuples():
        picked = rng.permutation(len(solved))[:SHOTS]
        texts.append(assemble([solved[i] for i in picked], prompt_format.query(question(row))))
    return texts


def question(row: Any) -> Question:
    """What a prompt shows of a row of an item table."""
    return Question(row.question, row.choices, row.answer_text, row.reasoning)


def choice_probabilities(reader: Reader, items: pd.DataFrame, shots: pd.DataFrame | None) -> Array:
    """Multiple choice: softmax over the four choice texts after "Answer:", (items, 4)."""
    logits = reader.last_logits(prompts(items, "multiple_choice", shots))
    ids = np.array([reader.tokenizer.convert_tokens_to_ids(choices) for choices in items.choices])
    picked = torch.from_numpy(np.take_along_axis(logits, ids, axis=1))
    return np.asarray(picked.double().softmax(1))


def choice_states(reader: Reader, items: pd.DataFrame) -> torch.Tensor:
    """Probe features: the state at the last token of each zero-shot prompt with each choice, (items, 4, 2 * width)."""
    texts = [
        f"{query} {choice}"
        for query, choices in zip(prompts(items, "multiple_choice", None), items.choices, strict=True)
        for choice in choices
    ]
    states = reader.last_states(texts)
    return states.reshape(len(items), -1, states.shape[-1])


def probe_probabilities(train: torch.Tensor, answers: NDArray[np.int64], test: torch.Tensor, seed: int) -> Array:
    """Fit the linear probe of Hase et al. 2024 and apply it, (test items, 4).

    A bias-free map to one score a choice, softmax over choices; z-normalised features; loss NLL + ||w||_2; plain SGD,
    learning rate .05 with linear decay to 10 %, 100 full-batch steps, gradients clipped to norm 1.
    """
    mean, std = train.mean((0, 1)), train.flatten(0, 1).std(0)
    train, test = (train - mean) / std, (test - mean) / std
    torch.manual_seed(seed)
    probe = torch.nn.Linear(train.shape[-1], 1, bias=False)
    optimizer = torch.optim.SGD(probe.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, total_iters=100)
    targets = torch.tensor(answers)
    for _ in range(100):
        loss = torch.nn.functional.cross_entropy(probe(train).squeeze(-1), targets) + probe.weight.norm()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return np.asarray(probe(test).squeeze(-1).detach().double().softmax(1))


def mdl(train: torch.Tensor, train_items: pd.DataFrame, test: torch.Tensor, test_items: pd.DataFrame) -> Array:
    """Probe MDL of the test items: 1 - mean gold probability over training sizes and boots, (test items,)."""
    golds = []
    for boot in range(BOOTS):
        order = np.random.default_rng(boot).permutation(len(train_items))
        for size in MDL_SIZES:
            rows = order[:size]
            probabilities = probe_probabilities(train[rows], gold(train_items.iloc[rows]), test, seed=boot)
            golds.append(at_gold(probabilities, test_items))
    return np.asarray(1 - np.mean(golds, axis=0))


def easy(items: pd.DataFrame) -> pd.DataFrame:
    """The items of 1 or 2 steps."""
    return items[items.num_steps.isin(EASY_STEPS)]


def hard(items: pd.DataFrame) -> pd.DataFrame:
    """The items of 6 to 8 steps."""
    return items[items.num_steps.isin(HARD_STEPS)]


def gold(items: pd.DataFrame) -> NDArray[np.int64]:
    """Index of the right choice, (items,)."""
    return np.asarray(items.answer_idx, dtype=np.int64)


def at_gold(probabilities: Array, items: pd.DataFrame) -> Array:
    """Probability of the right choice, (items,)."""
    return probabilities[np.arange(len(items)), gold(items)]


def by_steps(right: Array | NDArray[np.bool_], items: pd.DataFrame) -> list[float]:
    """Mean of `right` for 1, 2, ... MAX_STEPS steps."""
    return [round(float(right[items.num_steps == steps].mean()), 4) for steps in range(1, MAX_STEPS + 1)]


def steps_correlation(values: Array, items: pd.DataFrame) -> float:
    """Spearman correlation of `values` with the number of true steps."""
    return round(float(spearmanr(values, items.num_steps).statistic), 4)
