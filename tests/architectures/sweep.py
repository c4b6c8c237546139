"""Scores, states and greedy text of one small model, against one whole, unpadded sequence at a time.

The oracle calls the model's own forward and nothing of this library. Each architecture has a process of its own, so
that one that crashes or hangs takes no other with it.
"""

import logging
import multiprocessing
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from small_models import BOS, EOS, PAD, VOCABULARY_SIZE, NotBuiltError, small_model
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from uphill.engine import ways
from uphill.engine.generation import generate
from uphill.engine.hidden import default_layers
from uphill.engine.loading import Loaded, load
from uphill.engine.scoring import score
from uphill.engine.sizes import depth
from uphill.engine.tokens import Prompt
from uphill.errors import UphillError

SECONDS = 240
NATS = 2e-3
"""What a sum of log-probabilities may be off in float32."""
PACKS = (48, 4096)
ANSWER, BATCH = 16, 3
SLOWER = ("packed", "padded", "one at a time")
PRELOADED = ["torch", "uphill.engine.scoring", "uphill.engine.generation", "transformers.generation.utils", "peft"]
WORDS = [f"w{number}" for number in range(VOCABULARY_SIZE - 3)]
VOCABULARY = {"<s>": BOS, "</s>": EOS, "<pad>": PAD} | {word: number + 3 for number, word in enumerate(WORDS)}


@dataclass(frozen=True)
class Outcome:
    """How an architecture fared; `wrong` where a number or text is not the oracle's and no clear line says why."""

    scores: str
    text: str = ""
    wrong: bool = False


def prompts(shared: int, lengths: Sequence[int], seed: int) -> list[Prompt]:
    """Items of so many own words each behind `shared` common ones, with four choices of one to six words."""
    rng = np.random.default_rng(seed)

    def say(count: int) -> str:
        return " ".join(rng.choice(WORDS, count))

    beginning = f"{say(shared)} " if shared else ""
    return [
        Prompt(f"item-{number}", f"{beginning}{WORDS[number]} {say(length)}", [say(1), say(6), say(3)])
        for number, length in enumerate(lengths)
    ]


# Within and beyond every window, behind a beginning that all share and without one.
SETS = (prompts(40, (3, 30, 12), 1), prompts(0, (2, 60, 9, 33), 2))


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a word, behind a BOS."""
    words = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="<pad>")


def ids(text: str) -> list[int]:
    return [VOCABULARY[word] for word in text.split()]


@torch.inference_mode()
def whole(model: Any, tokens: list[int], **more: Any) -> Any:
    return model(input_ids=torch.tensor([tokens]), **more)


def right_scores(model: Any, prompt: Prompt) -> np.ndarray:
    """[C] summed log-probabilities of a prompt's choices."""
    head = [BOS, *ids(prompt.text)]
    found = []
    for choice in prompt.choices:
        tail = ids(choice)
        likely = whole(model, head + tail).logits[0].double().log_softmax(-1)
        found.append(sum(float(likely[len(head) - 1 + place, token]) for place, token in enumerate(tail)))
    return np.array(found)


def right_states(model: Any, prompt: Prompt, layers: Sequence[int]) -> np.ndarray | None:
    """[C, layers x d] hidden states of the last token of each choice; None where a model gives no L+1 such states."""
    found = []
    for choice in prompt.choices:
        states = whole(model, [BOS, *ids(prompt.text), *ids(choice)], output_hidden_states=True).hidden_states
        if states is None or len(states) != layers[-1] + 1 or any(state.ndim != 3 for state in states):
            return None
        found.append(torch.cat([states[layer][0, -1] for layer in layers]).numpy())
    return np.array(found)


def right_text(model: Any, prompt: Prompt) -> str:
    """What the model writes by its likeliest tokens."""
    head, written = [BOS, *ids(prompt.text)], []
    while len(written) < ANSWER:
        token = int(whole(model, head + written).logits[0, -1].argmax())
        if token == EOS:
            break
        written.append(token)
    return " ".join(WORDS[token - 3] for token in written if token >= 3)


def loaded_from_disk(model: Any, dtype: str = "float32") -> Loaded:
    """As a job loads it, but for the tokenizer, which transformers would choose by the architecture's name."""
    words = tokenizer()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        words.save_pretrained(folder)
        entry = {"path": folder, "dtype": dtype, "quantization": "none", "trust_remote_code": False}
        with patch("uphill.engine.loading.AutoTokenizer.from_pretrained", lambda *_, **__: words):
            return load(entry, PACKS[0])


def check_scores(loaded: Loaded) -> str:
    """How the scores were made that equal the oracle's, and whether states could be kept."""
    try:
        return made_by(compared(loaded, default_layers(depth(loaded.model))))
    except UphillError as error:
        if "states" not in str(error):
            raise
        return f"{made_by(compared(loaded, None))}; states refused: {error}"


def compared(loaded: Loaded, layers: Sequence[int] | None) -> str:
    """The slowest way that scores, and states if layers are kept, were made by, all of them right."""
    taken: list[str] = []
    for asked in SETS:
        right = [right_scores(loaded.model, prompt) for prompt in asked]
        states = [right_states(loaded.model, prompt, layers) if layers else None for prompt in asked]
        for pack in PACKS:
            now = replace(loaded, pack_tokens=pack)
            for prompt, expected, state, found in zip(asked, right, states, score(now, asked, layers), strict=True):
                apart = float(np.abs(found.logprob - expected).max())
                if not apart < NATS:
                    raise AssertionError(f"scores of {prompt.item_id} at pack_tokens {pack} are {apart:.2g} nats off")
                if layers:
                    check_states(found.states, state)
            taken.append(way_of(now))
    return max(taken, key=SLOWER.index)


def check_states(found: np.ndarray | None, expected: np.ndarray | None) -> None:
    if expected is None:
        raise AssertionError("states were kept that the model itself does not give")
    if found is None or not np.isfinite(found).all():
        raise AssertionError("states are not finite")
    scale = np.abs(expected).max()
    apart = float(np.abs(found.astype(np.float64) - expected).max() / scale)
    if not apart < 2e-3:
        raise AssertionError(f"states are off by {apart:.2g} of the largest")


def check_text(loaded: Loaded) -> str:
    """How the texts were made that are the oracle's."""
    taken: list[str] = []
    for asked in SETS:
        right = [right_text(loaded.model, prompt) for prompt in asked]
        with patch.object(ways.Ways, "run", noting(ways.Ways.run, taken)):
            answers = generate(loaded, [prompt.text for prompt in asked], ANSWER, BATCH, rule=lambda _: None)
            texts = [answer.text for answer in answers]
        for prompt, found, expected in zip(asked, texts, right, strict=True):
            if found != expected:
                raise AssertionError(f"text of {prompt.item_id} is {found!r}, expected {expected!r}")
    return made_by(max(taken, key=ways.WAYS.index))


def made_by(way: str) -> str:
    return "equal" if way == SLOWER[0] else f"equal ({way})"


def noting(run: Any, taken: list[str]) -> Any:
    """A way's run that also notes which way it is."""

    def noted(self: ways.Ways, *arguments: Any) -> Any:
        taken.append(self.name)
        return run(self, *arguments)

    return noted


def way_of(loaded: Loaded) -> str:
    return "packed" if loaded.packed else "one at a time" if loaded.alone else "padded"


def outcome(kind: str) -> Outcome:
    """How an architecture fares."""
    try:
        model = small_model(kind)
    except NotBuiltError as error:
        return Outcome(f"not built: {error}")
    try:
        loaded = loaded_from_disk(model)
    except UphillError as error:
        return Outcome(f"refused: {error}", wrong="\n" in str(error))
    scores, scores_wrong = tried(check_scores, loaded)
    text, text_wrong = tried(check_text, loaded)
    return Outcome(scores, text, scores_wrong or text_wrong)


def tried(check: Any, loaded: Loaded) -> tuple[str, bool]:
    """What a check says, and whether that is wrong."""
    try:
        return check(loaded), False
    except UphillError as error:
        said_of = str(error)
        return f"refused: {said_of}", "\n" in said_of
    except AssertionError as error:
        return f"WRONG: {error}", True
    except Exception as error:  # a traceback is no answer
        where = traceback.extract_tb(error.__traceback__)[-1]
        line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return f"WRONG: {line} ({Path(where.filename).name}:{where.lineno})", True


def _child(kind: str, end: Connection) -> None:
    torch.set_num_threads(1)
    logging.disable()
    try:
        end.send(outcome(kind))
    except BaseException as error:
        end.send(Outcome(f"WRONG: {type(error).__name__}: {' '.join(str(error).split())[:300]}", wrong=True))


def alone(kind: str, seconds: float = SECONDS) -> Outcome:
    """How an architecture fares, in a process of its own, which has so long."""
    context = multiprocessing.get_context("forkserver")
    # What takes longest to import, once for all.
    context.set_forkserver_preload(PRELOADED)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(kind, there), daemon=True)
    process.start()
    there.close()
    try:
        found = here.recv() if here.poll(seconds) else Outcome(f"WRONG: no answer in {seconds:.0f} s", wrong=True)
    except EOFError:
        found = Outcome("WRONG: its process died", wrong=True)
    process.kill()
    process.join()
    return found
