"""What the engine's benchmarks read: real questions, a tokenizer for them, and models of a shape with random weights.

Weights change neither the time of a pass nor what is exact about it, so none are downloaded. The tokenizer is a BPE
trained on the questions, about as many characters a token as the published ones give on the same text.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from uphill.engine.loading import Loaded
from uphill.engine.tokens import Prompt
from uphill.prompts.templates import Question, assemble, published

VOCABULARY = 8000
SHAPES: dict[str, dict[str, Any]] = {
    "demo": {"vocab_size": VOCABULARY, "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4}
    | {"num_attention_heads": 4, "max_position_embeddings": 4096},
    "llama-160m": {"vocab_size": 32000, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
    | {"num_attention_heads": 12, "max_position_embeddings": 4096},
    "llama-1b": {"vocab_size": 32000, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22}
    | {"num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 4096},
    "llama-7b": {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32}
    | {"num_attention_heads": 32, "max_position_embeddings": 4096},
    "llama-8b": {"vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32}
    | {"num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 8192},
}


def questions(data: Path | None) -> list[Question]:
    """ARC-Easy's test questions from a folder with `arc/ARC-Easy-Test.jsonl`, or the demo world's without one."""
    if data is None:
        from uphill.datasets.world import Settings, load

        rows = load(Settings(domain="dial", n_items=1200, seed=99)).itertuples()
        return [Question(row.question, list(row.choices), row.answer_text) for row in rows]
    found = []
    for line in (data / "arc" / "ARC-Easy-Test.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        choices = {choice["label"]: choice["text"] for choice in row["question"]["choices"]}
        found.append(Question(row["question"]["stem"], list(choices.values()), choices[row["answerKey"]]))
    return found


def prompts(asked: list[Question], count: int, shots: int) -> list[Prompt]:
    """`count` items behind `shots` solved examples, the same for all; the questions recur where there are too few."""
    form = published("0040")
    examples = [form.example(question) for question in asked[:shots]]
    rest = asked[shots:]
    return [
        Prompt(f"item-{number}", assemble(examples, form.query(question)), question.choices)
        for number, question in ((number, rest[number % len(rest)]) for number in range(count))
    ]


def tokenizer(asked: list[Question]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the questions' text, with a BOS."""
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [" ".join([question.question, *question.choices]) for question in asked]
    bare.train_from_iterator([*texts, "Question: \n A) B) C) D) E) Answer:"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>", eos_token="</s>")


def word_tokenizer(words: int) -> PreTrainedTokenizerFast:
    """One token for each of w0, w1, ..., with a BOS; what else is asked of it, as by checks, is EOS."""
    bare = Tokenizer(
        models.WordLevel({"<s>": 0, "</s>": 1} | {f"w{number}": number + 2 for number in range(words)}, "</s>")
    )
    bare.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>", eos_token="</s>")


def random_model(config: Any, device: str, dtype: torch.dtype) -> Any:
    """A model with random weights, always the same, made on the device."""
    torch.manual_seed(0)
    # The other plain attention leaves Gemma-2's cap on scores out, or refuses it, by the version of transformers.
    plain = "eager" if config.model_type == "gemma2" else "sdpa"
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=plain).eval()


def loaded(config: Any, device: str, dtype: torch.dtype, words: Any) -> Loaded:
    """A random model, ready to score."""
    return Loaded(random_model(config, device, dtype), words, torch.device(device), pack_tokens=4096)


def llama(shape: str, **changes: Any) -> LlamaConfig:
    """A Llama of one of the shapes."""
    return LlamaConfig(**{**SHAPES[shape], "bos_token_id": 0, "eos_token_id": 1, **changes})
