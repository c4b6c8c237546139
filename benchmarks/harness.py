"""Uphill's scoring against that of lm-evaluation-harness, on a CPU: same model, tokenizer, prompts, examples and items.

    uv venv ENV && VIRTUAL_ENV=ENV uv pip install -r envs/cpu.lock 'lm_eval[hf]==0.4.13'
    PYTHONPATH=src OMP_NUM_THREADS=1 ENV/bin/python benchmarks/harness.py --data DATA

DATA is a folder with `arc/ARC-Easy-{Train,Test}.jsonl`. The model is the demo's shape with random weights (see
items.py); examples are the first of the training file, items the first of the test file. Timed is, on either side, what
turns texts into log-probabilities, tokenization included, in CPU seconds of this process: `HFLM.loglikelihood` inside
`simple_evaluate`, and `list(score(...))`. Loading, building of prompts and metrics are not. Runs alternate. Both must
agree on every prompt to the byte, on every token, and on every prediction; else the benchmark ends with an error.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
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
from uphill.prompts.templates import Question, assemble, published

FORM = published("0040")


def question(row: dict[str, Any]) -> Question:
    """A row of an ARC file."""
    choices = {choice["label"]: choice["text"] for choice in row["question"]["choices"]}
    return Question(row["question"]["stem"], list(choices.values()), choices[row["answerKey"]])


def rows(data: Path, split: str) -> list[dict[str, Any]]:
    """Of one ARC-Easy file."""
    return [json.loads(line) for line in _file(data, split).read_text(encoding="utf-8").splitlines()]


def _file(data: Path, split: str) -> Path:
    return data / "arc" / f"ARC-Easy-{split}.jsonl"


def task(data: Path) -> dict[str, Any]:
    """The harness's task: local files, our template, the first examples of the training file."""
    return {
        "task": "arc_easy_local",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"train": str(_file(data, "Train")), "test": str(_file(data, "Test"))}},
        "output_type": "multiple_choice",
        "fewshot_split": "train",
        "test_split": "test",
        # Solved examples have a space before the line of the answer, as published; the harness adds the one behind it.
        "fewshot_config": {
            "sampler": "first_n",
            "doc_to_text": lambda row: FORM.example(question(row)).removesuffix(f" {question(row).answer}"),
        },
        "doc_to_text": lambda row: FORM.query(question(row)),
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


def harness(model: Timed, data: Path, shots: int, limit: int) -> tuple[float, list[list[float]]]:
    """Seconds, and each item's log-probabilities."""
    found = lm_eval.simple_evaluate(
        model=model, tasks=[task(data)], num_fewshot=shots, limit=limit, bootstrap_iters=0, log_samples=True
    )
    samples = sorted(found["samples"]["arc_easy_local"], key=lambda sample: sample["doc_id"])
    return model.seconds, [[float(scored[0]) for scored in sample["filtered_resps"]] for sample in samples]


def uphill(loaded: Any, prompts: list[Prompt]) -> tuple[float, list[list[float]]]:
    """Seconds, and each item's log-probabilities."""
    start = time.process_time()
    found = list(score(loaded, prompts))
    return time.process_time() - start, [scores.logprob.tolist() for scores in found]


def check(loaded: Any, prompts: list[Prompt], model: Timed, ours: list[list[float]], theirs: list[list[float]]) -> str:
    """How the programs agree.

    Raises:
        SystemExit: where they do not.
    """
    if model.asked != [(prompt.text, choice) for prompt in prompts for choice in prompt.choices]:
        raise SystemExit("prompts differ")
    heads, tails = encode_items(loaded, prompts)
    if model.read != [(head, choice) for head, choices in zip(heads, tails, strict=True) for choice in choices]:
        raise SystemExit("tokens differ")
    same = sum(np.argmax(one) == np.argmax(other) for one, other in zip(ours, theirs, strict=True))
    if same != len(prompts):
        raise SystemExit(f"{len(prompts) - same} predictions differ")
    apart = max(np.abs(np.array(one) - other).max() for one, other in zip(ours, theirs, strict=True))
    return f"same prompts, tokens and predictions on {same} items, scores at most {apart:.1e} nats apart"


def compare(asked: argparse.Namespace, model: Timed, loaded: Any, shots: int) -> None:
    """Run both in turn, and print the ratio of their medians."""
    examples = [FORM.example(question(row)) for row in rows(asked.data, "Train")[:shots]]
    questions = [question(row) for row in rows(asked.data, "Test")[: asked.items]]
    prompts = [
        Prompt(f"item-{number}", assemble(examples, FORM.query(item)), [f" {choice}" for choice in item.choices])
        for number, item in enumerate(questions)
    ]
    harness(model, asked.data, shots, 4)
    uphill(loaded, prompts[:4])
    slow, fast = [], []
    for _ in range(asked.rounds):
        seconds, theirs = harness(model, asked.data, shots, asked.items)
        slow.append(seconds)
        seconds, ours = uphill(loaded, prompts)
        fast.append(seconds)
        print(f"{shots:2d} shots  harness {slow[-1]:7.2f} s  uphill {fast[-1]:6.2f} s", flush=True)
    ratio = statistics.median(slow) / statistics.median(fast)
    print(f"{shots:2d} shots  ratio of medians {ratio:.1f}; {check(loaded, prompts, model, ours, theirs)}", flush=True)


def main() -> None:
    """Compare at each number of examples asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--shots", nargs="+", type=int, default=[0, 10])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4, help="the harness's batch size")
    parser.add_argument("--pack", type=int, default=512, help="tokens of a pack")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    print(
        f"lm_eval {lm_eval.__version__}, torch {torch.__version__}, transformers {transformers.__version__}, one thread"
    )
    with tempfile.TemporaryDirectory() as folder:
        words = made.tokenizer([question(row) for row in rows(asked.data, "Test")])
        words.save_pretrained(folder)
        made.random_model(made.llama("demo"), "cpu", torch.float32).save_pretrained(folder)
        entry = {
            "path": folder,
            "dtype": "float32",
            "quantization": "none",
            "trust_remote_code": False,
            "bos": "always",
        }
        loaded = load(entry, pack_tokens=asked.pack)
        model = Timed(pretrained=folder, device="cpu", dtype="float32", batch_size=asked.batch, add_bos_token=True)
        for shots in asked.shots:
            compare(asked, model, loaded, shots)


if __name__ == "__main__":
    main()
