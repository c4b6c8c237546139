"""Tokens and CPU seconds of the measures of texts: each with a pass of its own, and one pass for both.

    PYTHONPATH=src OMP_NUM_THREADS=1 python benchmarks/texts.py [--items 600] [--rounds 3]

`text_logprob` asks for question, answer and reasoning of each item, `min_k` for the question's tokens. Items are the
demo world's, the model is the largest that ships. What comes out is the same to the bit.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch

from uphill.datasets.items import make_items
from uphill.engine.loading import Loaded, load
from uphill.engine.token_scores import score_texts
from uphill.hardness import min_k, text_logprob
from uphill.running import spending
from uphill.running.parts import Parts
from uphill.schemas.token_scores import TOKEN_SCORES

ROOT = Path(__file__).parents[1]
PASSES = {
    "a pass a measure": (text_logprob.READS_TEXTS, min_k.READS_TEXTS),
    "one pass": (text_logprob.READS_TEXTS,),
}


def tokens() -> int:
    """Tokens that this process has read so far, as a job's log says it."""
    said = spending.heard(f": {spending.said()}")
    assert said is not None
    found: int = said["tokens"].get("read", 0)
    return found


def measured(loaded: Loaded, items: pd.DataFrame, passes: tuple[tuple[str, ...], ...]) -> tuple[int, float, pd.Series]:
    """Tokens, CPU seconds, and the scores of the last pass's questions."""
    read, start = tokens(), time.process_time()
    for texts in passes:
        with tempfile.TemporaryDirectory() as name:
            scores = score_texts(loaded, items, texts, Parts(Path(name), TOKEN_SCORES)).to_pandas()
    seconds = time.process_time() - start
    return tokens() - read, seconds, scores[scores["text"] == "question"].set_index("item_id")["tokens"]


def main() -> None:
    """Read both ways in turn, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    source = {"domain": "dial", "n_items": asked.items, "seed": 11}
    made = make_items({"kind": "world", "source": source, "dataset": "d", "pools": {"hardness": 0}, "seed": 0})
    items = made.set_index("item_id")
    entry = {"path": str(ROOT / "resources/demo-models/1280k"), "dtype": "float32", "quantization": "none"}
    loaded = load({**entry, "trust_remote_code": False}, 512)
    measured(loaded, items.iloc[:8], PASSES["one pass"])  # checks, once
    rounds = [{name: measured(loaded, items, passes) for name, passes in PASSES.items()} for _ in range(asked.rounds)]
    for name in PASSES:
        each = [found[name] for found in rounds]
        seconds = ", ".join(f"{one[1]:.2f}" for one in each)
        print(f"{name}: {each[0][0]} tokens, CPU s {seconds}, median {statistics.median(one[1] for one in each):.2f}")
    apart, together = (rounds[0][name][2] for name in PASSES)
    same = all((one == other).all() for one, other in zip(apart, together.loc[apart.index], strict=True))
    print(f"token scores of both ways are {'the same to the bit' if same else 'NOT the same'}")


if __name__ == "__main__":
    main()
