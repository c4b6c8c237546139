"""Scores, states and greedy text of every causal architecture of transformers are those of the plain model.

One of each kind on each push, among them those that were wrong once; all of them at night, which also writes the table
in docs/architectures.md. `ARCHITECTURES="llama mamba"` in the environment runs some, and changes their lines alone.
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from small_models import ARCHITECTURES, small_model
from sweep import SETS, Outcome, alone, loaded_from_disk, right_scores

from uphill.engine.scoring import score

TABLE = Path(__file__).parents[2] / "docs" / "architectures.md"
# Local attention by another name, factors that depend on length, sinks, recurrent states, hybrids, sliding windows and
# caps, ALiBi, sizes nested in text_config, a body that is no base_model, positions that know of padding.
PUSHED = ("llama", "gpt_neo", "phi3", "gpt_oss", "mamba", "lfm2", "gemma2", "gemma3", "mpt", "bart", "camembert")
AT_NIGHT = ("jamba", "bloom", "rwkv")
"""Second ones of a kind: hybrids, ALiBi, recurrent states."""
AT_LEAST = 150
"""Architectures that are built and run."""
LINE = re.compile(r"^\| `([\w-]+)` \| (.*) \| (.*) \|$", re.MULTILINE)


@pytest.mark.parametrize("kind", [*PUSHED, *(pytest.param(kind, marks=pytest.mark.nightly) for kind in AT_NIGHT)])
def test_scores_states_and_text_are_those_of_whole_passes(kind: str) -> None:
    found = alone(kind)
    assert found.scores.startswith("equal"), found
    assert found.text.startswith("equal"), found
    assert "refused" not in found.scores


@pytest.mark.parametrize("kind", ["gpt_oss", "gemma2"])
def test_16_bits_move_scores_no_further_than_rounding(kind: str) -> None:
    """Rounding is measured: what the type does to one whole sequence a choice."""
    exact = small_model(kind)
    loaded = loaded_from_disk(exact, "bfloat16")
    exact.load_state_dict({name: value.float() for name, value in loaded.model.state_dict().items()})
    for asked in SETS:
        plain = np.concatenate([right_scores(loaded.model, prompt) for prompt in asked])
        rounding = rms(plain - np.concatenate([right_scores(exact, prompt) for prompt in asked]))
        for pack in (48, 4096):
            loaded.pack_tokens = pack
            found = np.concatenate([scores.logprob for scores in score(loaded, asked)])
            assert rms(found - plain) < 3 * rounding


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


@pytest.mark.nightly
def test_every_architecture() -> None:
    kinds = os.environ.get("ARCHITECTURES", "").split() or list(ARCHITECTURES)
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(kinds, pool.map(alone, kinds), strict=True))
    outcomes = {kind: old for kind, old in before().items() if kind in ARCHITECTURES} | found
    TABLE.write_text(table(outcomes))
    assert not {kind: outcome for kind, outcome in found.items() if outcome.wrong}
    assert sum(not outcome.scores.startswith("not built") for outcome in outcomes.values()) >= AT_LEAST


def before() -> dict[str, Outcome]:
    """The outcomes that the table has."""
    lines = LINE.findall(TABLE.read_text()) if TABLE.is_file() else []
    return {kind: Outcome(scores, text) for kind, scores, text in lines}


def table(outcomes: Mapping[str, Outcome]) -> str:
    """The page: what was checked, with what, how many fared how, and each architecture's line."""
    counted = Counter(outcome.scores.partition(":")[0].partition(";")[0] for outcome in outcomes.values())
    summary = ", ".join(f"{count} {what}" for what, count in counted.most_common())
    versions = f"transformers {transformers.__version__}, torch {torch.__version__.partition('+')[0]}"
    lines = [f"| `{kind}` | {cell(outcomes[kind].scores)} | {cell(outcomes[kind].text)} |" for kind in sorted(outcomes)]
    return HEAD.format(versions=versions, summary=summary, count=len(outcomes)) + "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """One line without the temporary folder of the model, or what would end a cell."""
    return re.sub(r"/\S*tmp\w+(: )?", "", " ".join(text.split())).replace("|", "/")


HEAD = """# Architectures

Every architecture that transformers has a causal language model of, by its name there, as `make test-nightly` found
it ({versions}; on a CPU, in float32). Each is a small random model of two to four layers, with one layer of each kind
and sharp attention. Its scores of choices in packs of 48 and of 4096 tokens, its kept states and its greedy answers,
three side by side, are compared with one whole, unpadded sequence at a time through the model's own forward, behind a
shared beginning and without one, with prompts within and beyond every window.

An answer ends where its own rule says so, after `max_new_tokens`, at the tokenizer's EOS, at any `eos_token_id` of the
model's `config.json`, and for a chat model at the token that its template puts behind a turn. A checkpoint's generation
config counts for nothing, on any way: tokens are chosen, and answers ended, by the study's settings and the model's
identity alone.

* `equal`: by the fast way, packs for scores. In brackets the slower way that the check at loading chose instead.
* `refused`: one line says why.
* `not built`: transformers cannot build or run it at this size, or it is no model of text.

{count} architectures: {summary}.

| architecture | scores and states | text |
| --- | --- | --- |
"""
