"""Uphill's scoring against that of lm-evaluation-harness, on a CPU: same model, tokenizer, prompts, examples and items.

    uv venv ENV && VIRTUAL_ENV=ENV uv pip install -r envs/cpu.lock 'lm_eval[hf]==0.4.13'
    PYTHONPATH=src OMP_NUM_THREADS=1 ENV/bin/python benchmarks/harness.py --data DATA

DATA is a folder with `arc/ARC-Easy-{Train,Test}.jsonl`. The model has 3.2 M random weights (see
items.py), or that of a folder, `--model results/models/NAME`; `--set ARC-Challenge` and `--form 0000` take other
questions and another prompt. Examples are the first of the training file, items the first of the test file. Timed is,
on either side, what turns texts into log-probabilities, tokenization included, in CPU seconds of this process:
`HFLM.loglikelihood` inside `simple_evaluate`, and `list(score(...))`. Loading, building of prompts and metrics are not.
Runs alternate. Both must agree on every prompt to the byte, on every token, and on every prediction; else the benchmark
ends with an error. Two choices that are less than 1e-3 nats apart may change places, and are counted.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
os.environ.setdefault("HF_HOME", tempfile.mkdtemp())

import items as made
import lm_eval
import numpy as np
import torch
import transformers
from lm_eval.models.huggingface import HFLM

from uphill.engine.loading import load
from uphill.engine.scoring import score
from uphill.engine.tokens import Prompt, encode_items
from uphill.prompts.templates import PromptFormat, Question, assemble, published

NATS = 1e-3
TASK = "arc_local"


def question(row: dict[str, Any]) -> Question:
    """A row of an ARC file."""
    choices = {choice["label"]: choice["text"] for choice in row["question"]["choices"]}
    return Question(row["question"]["stem"], list(choices.values()), choices[row["answerKey"]])


@dataclass(frozen=True)
class Asked:
    """Which questions are asked, and how."""

    data: Path
    name: str
    form: PromptFormat

    def file(self, split: str) -> Path:
        """One of the publishers' files."""
        return self.data / "arc" / f"{self.name}-{split}.jsonl"

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Of one file."""
        return [json.loads(line) for line in self.file(split).read_text(encoding="utf-8").splitlines()]


def task(asked: Asked) -> dict[str, Any]:
    """The harness's task: local files, our template, the first examples of the training file."""
    form = asked.form
    return {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"train": str(asked.file("Train")), "test": str(asked.file("Test"))}},
        "output_type": "multiple_choice",
        "fewshot_split": "train",
        "test_split": "test",
        # Solved examples have a space before the line of the answer, as published; the harness adds the one behind it.
        "fewshot_config": {
            "sampler": "first_n",
            "doc_to_text": lambda row: form.example(question(row)).removesuffix(f" {question(row).answer}"),
        },
        "doc_to_text": lambda row: form.query(question(row)),
        "doc_to_choice": lambda row: question(row).choices,
        "doc_to_target": lambda row: [choice["label"] for choice in row["question"]["choices"]].index(row["answerKey"]),
        "metric_list": [{"metric": "acc"}],
    }


class Timed(HFLM):  # type: ignore[misc]
    """The harness's model, which keeps what it was asked and how long it took."""

    seconds = 0.0
    asked: list[tuple[str, str]]
    read: list[tuple[list[int], list[int]]]

    def loglikelihood(self, requests: Any, **named: Any) -> Any:
        start = time.process_time()
        found = super().loglikelihood(requests, **named)
        self.seconds = time.process_time() - start
        self.asked = [request.args for request in requests]
        return found

    def _loglikelihood_tokens(self, requests: Any, **named: Any) -> Any:
        self.read = [(head, choice) for _, head, choice in requests]
        return super()._loglikelihood_tokens(requests, **named)


def harness(model: Timed, asked: Asked, shots: int, limit: int) -> tuple[float, list[list[float]]]:
    """Seconds, and each item's log-probabilities."""
    found = lm_eval.simple_evaluate(
        model=model, tasks=[task(asked)], num_fewshot=shots, limit=limit, bootstrap_iters=0, log_samples=True
    )
    samples = sorted(found["samples"][TASK], key=lambda sample: sample["doc_id"])
    return model.seconds, [[float(scored[0]) for scored in sample["filtered_resps"]] for sample in samples]


def uphill(loaded: Any, prompts: list[Prompt]) -> tuple[float, list[list[float]]]:
    """Seconds, and each item's log-probabilities."""
    start = time.process_time()
    found = list(score(loaded, prompts))
    return time.process_time() - start, [scores.logprob.tolist() for scores in found]


def check(
    loaded: Any,
    prompts: list[Prompt],
    gold: list[int],
    model: Timed,
    ours: list[list[float]],
    theirs: list[list[float]],
) -> str:
    """How the programs agree, and how many answers are right.

    Raises:
        SystemExit: where they do not agree.
    """
    if model.asked != [(prompt.text, choice) for prompt in prompts for choice in prompt.choices]:
        raise SystemExit("prompts differ")
    heads, tails = encode_items(loaded, prompts)
    if model.read != [(head, choice) for head, choices in zip(heads, tails, strict=True) for choice in choices]:
        raise SystemExit("tokens differ")
    apart = max(np.abs(np.array(one) - other).max() for one, other in zip(ours, theirs, strict=True))
    if apart > NATS:
        raise SystemExit(f"scores are {apart:.1e} nats apart")
    said = [[int(np.argmax(one)) for one in found] for found in (ours, theirs)]
    tied = sum(one != other for one, other in zip(*said, strict=True))
    if any(one[here] - one[there] > NATS for one, here, there in zip(ours, *said, strict=True)):
        raise SystemExit("predictions differ")
    right = [float(np.mean([one == true for one, true in zip(found, gold, strict=True)])) for found in said]
    return (
        f"{len(prompts)} items, same prompts and tokens, {tied} predictions differ, scores at most {apart:.1e} nats "
        f"apart; accuracy {right[0]:.4f}, the harness's {right[1]:.4f}"
    )


def compare(given: argparse.Namespace, asked: Asked, model: Timed, loaded: Any, shots: int) -> None:
    """Run both in turn, and print the ratio of their medians."""
    form = asked.form
    examples = [form.example(question(row)) for row in asked.rows("Train")[:shots]]
    questions = [question(row) for row in asked.rows("Test")[: given.items]]
    gold = [item.choices.index(item.answer) for item in questions]
    prompts = [
        Prompt(f"item-{number}", assemble(examples, form.query(item)), [f" {choice}" for choice in item.choices])
        for number, item in enumerate(questions)
    ]
    harness(model, asked, shots, 4)
    uphill(loaded, prompts[:4])
    slow, fast = [], []
    for _ in range(given.rounds):
        seconds, theirs = harness(model, asked, shots, given.items)
        slow.append(seconds)
        seconds, ours = uphill(loaded, prompts)
        fast.append(seconds)
        print(f"{shots:2d} shots  harness {slow[-1]:7.2f} s  uphill {fast[-1]:6.2f} s", flush=True)
    ratio = statistics.median(slow) / statistics.median(fast)
    said = check(loaded, prompts, gold, model, ours, theirs)
    print(f"{asked.name}, {shots:2d} shots  ratio of medians {ratio:.1f}; {said}", flush=True)


def main() -> None:
    """Compare at each number of examples asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", default="ARC-Easy", choices=["ARC-Easy", "ARC-Challenge"])
    parser.add_argument("--form", default="0040", help="template id of the prompt")
    parser.add_argument("--model", type=Path, help="a model's folder, in place of random weights")
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--shots", nargs="+", type=int, default=[0, 10])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4, help="the harness's batch size")
    parser.add_argument("--pack", type=int, default=512, help="tokens of a pack")
    given = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    print(
        f"lm_eval {lm_eval.__version__}, torch {torch.__version__}, transformers {transformers.__version__}, one thread"
    )
    asked = Asked(given.data, given.set, published(given.form))
    with tempfile.TemporaryDirectory() as folder:
        place = str(given.model or folder)
        if given.model is None:
            words = made.tokenizer([question(row) for row in asked.rows("Test")])
            words.save_pretrained(folder)
            made.random_model(made.llama("demo"), "cpu", torch.float32).save_pretrained(folder)
        entry = {"path": place, "dtype": "float32", "quantization": "none", "trust_remote_code": False}
        # The words' tokenizer puts no BOS of itself; a model's own does as it was trained.
        bos = {} if given.model else {"bos": "always"}
        loaded = load(entry | bos, pack_tokens=given.pack)
        own = {} if given.model else {"add_bos_token": True}
        model = Timed(pretrained=place, device="cpu", dtype="float32", batch_size=given.batch, **own)
        for shots in given.shots:
            compare(given, asked, model, loaded, shots)


if __name__ == "__main__":
    main()
