"""The model that is loaded is the one that was named, of sizes that can be, with the tokens that it has."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_models import VOCABULARY, word_tokenizer, write_model
from model_folders import EMBED, HEAD, UP, Change, config, edited, in_hubs_cache, index, pickled, read, refusal, weights

from uphill.engine import loading


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model", "llama")
    return tmp_path / "model"


SIZES: dict[str, tuple[dict[str, Any], str]] = {
    "negative": ({"hidden_size": -1}, "hidden_size is -1, expected a whole number from 1"),
    "zero": ({"hidden_size": 0}, "hidden_size is 0, expected"),
    "no layers": ({"num_hidden_layers": 0}, "num_hidden_layers is 0, expected"),
    "no vocabulary": ({"vocab_size": 0}, "vocab_size is 0, expected"),
    "no heads": ({"num_attention_heads": 0}, "num_attention_heads is 0, expected"),
    "no key heads": ({"num_key_value_heads": 0}, "num_key_value_heads is 0, expected"),
    "a negative head": ({"head_dim": -8}, "head_dim is -8, expected"),
    "no positions": ({"max_position_embeddings": 0}, "max_position_embeddings is 0, expected"),
    "endless positions": ({"max_position_embeddings": 10**12}, "max_position_embeddings is 1000000000000, expected"),
    "a fraction": ({"hidden_size": 32.5}, "hidden_size is 32.5, expected"),
    "a text": ({"num_attention_heads": "4"}, "num_attention_heads is '4', expected"),
    "a truth": ({"num_hidden_layers": True}, "num_hidden_layers is True, expected"),
    "a map": ({"vocab_size": {}}, "vocab_size is {}, expected"),
    "nested": ({"text_config": {"hidden_size": -1}}, "hidden_size is -1, expected"),
    "heads that do not divide the width": ({"num_attention_heads": 5}, "not a multiple of the number of attention"),
    "groups of several sizes": ({"num_key_value_heads": 3}, "4 heads in 3 groups"),
    "a thousand million layers": ({"num_hidden_layers": 10**9}, "1000000000 layers, but the weights are 30 tensors"),
    "a vocabulary of a thousand million": ({"vocab_size": 10**9}, "config.json describes 64,000,0"),
    "a width of a million": ({"hidden_size": 2**20}, "config.json describes 854,"),
    "a width beyond any memory": ({"hidden_size": 2**30, "intermediate_size": 2**30}, "config.json describes"),
    "a large model over small weights": (
        {"hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_key_value_heads": 32},
        "but the weights hold 26,080",
    ),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_that_cannot_be_are_refused_before_memory_is_taken(
    folder: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, said = SIZES[case]
    config(**values)(folder)
    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", None)
    assert said in refusal(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"rope_theta": NaN}', "[" * 100_000, "\x00\x01"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_config_that_is_none_is_one_line(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert name in refusal(folder)


def larger(**tokens: Any) -> Change:
    def apply(folder: Path) -> None:
        tokenizer = word_tokenizer()
        if "words" in tokens:
            tokenizer.add_tokens(tokens["words"])
        else:
            tokenizer.add_special_tokens(tokens)
        tokenizer.save_pretrained(folder)

    return apply


def token_number(word: str, value: int) -> Change:
    def apply(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        content["model"]["vocab"][word] = value
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return apply


def prepended(value: int) -> Change:
    """A tokenizer that begins each text with a token by its number."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        first = {"SpecialToken": {"id": "<s>", "type_id": 0}}
        content["post_processor"] = {
            "type": "TemplateProcessing",
            "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [value], "tokens": ["<s>"]}},
        }
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return apply


TOKENS: dict[str, tuple[Change, str]] = {
    "words": (larger(words=[f"more{i}" for i in range(9)]), "more0, more1, more2 and 6 more are in the tokenizer"),
    "a padding token": (larger(pad_token="[PAD]"), "[PAD] is in the tokenizer, but not in the model's 44"),
    "turns of a chat": (larger(extra_special_tokens=["<|im_start|>", "<|im_end|>"]), "<|im_start|>, <|im_end|> are in"),
    "a padding token in the tokenizer's config": (edited("tokenizer_config.json", pad_token="[PAD]"), "[PAD] is in"),
    "a letter beyond ASCII": (larger(words=["café"]), "café is in the tokenizer"),
    "a hole in the numbers": (token_number("w3", 900), "w3 is in the tokenizer, but not in the model's 44 embeddings"),
    "a number that no word has": (prepended(5000), "token 5000 is in the tokenizer"),
    "a smaller model": (
        lambda folder: (
            config(vocab_size=40)(folder),
            weights(lambda there: there.update({name: there[name][:40].clone() for name in (EMBED, HEAD)}))(folder),
        ),
        "w36, w37, w38 and 1 more are in the tokenizer, but not in the model's 40 embeddings",
    ),
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_tokenizer_larger_than_the_embeddings_is_refused(folder: Path, case: str) -> None:
    change, said = TOKENS[case]
    change(folder)
    assert said in refusal(folder)


def test_a_tokenizer_smaller_than_the_embeddings_is_none_the_worse(tmp_path: Path) -> None:
    write_model(tmp_path, "llama", vocab_size=64)
    assert len(read(tmp_path).tokenizer) == len(VOCABULARY)


@pytest.mark.parametrize("path", ["", "absent", "model/config.json", "model/model.safetensors", "."])
def test_a_path_that_is_no_models_folder_is_refused(folder: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert "no config.json, expected a model's folder" in refusal(Path(path), path=path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_another_repository_is_never_run(folder: Path, name: str, trusted: bool) -> None:
    """Where no code runs, what is said of it does not matter: transformers knows this model itself."""
    named = {"AutoConfig": "them/theirs--code.Config", "AutoTokenizer": ["them/theirs--code.Tokenizer", None]}
    edited(name, auto_map=named)(folder)
    if trusted:
        assert f"{name}: auto_map names 'them/theirs--code." in refusal(folder, trust_remote_code=True)
    else:
        read(folder)


def hub(monkeypatch: pytest.MonkeyPatch, snapshot: Path, is_offline: bool) -> list[tuple[str, dict[str, Any]]]:
    asked: list[tuple[str, dict[str, Any]]] = []

    def got(name: str) -> Callable[..., Path]:
        return lambda **settings: (asked.append((name, settings)), snapshot)[1]

    monkeypatch.setattr(loading, "fetch", got("fetch"))
    monkeypatch.setattr(loading, "fetched", got("fetched"))
    monkeypatch.setattr(loading, "offline", lambda: is_offline)
    return asked


@pytest.mark.parametrize("is_offline", [False, True])
def test_a_hub_models_files_are_looked_at_first(
    folder: Path, is_offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    index({UP: "pytorch_model.bin"})(folder)
    pickled(folder, "pytorch_model.bin")
    asked = hub(monkeypatch, in_hubs_cache(folder), is_offline)
    message = refusal(folder, path=None, hub_id="org/name", revision="a" * 40)
    assert "pytorch_model.bin is to be opened for weights" in message
    wanted = {"kind": "model", "hub_id": "org/name", "revision": "a" * 40}
    assert asked == [("fetched", wanted) if is_offline else ("fetch", wanted | {"code": False, "parts": False})]


def test_a_folder_does_not_pass_for_a_model_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers would read it, whatever the revision."""
    monkeypatch.chdir(folder.parent)
    message = refusal(folder, path=None, hub_id="model", revision="a" * 40)
    assert message.startswith("model: something of that name is here")


def test_a_token_that_transformers_adds_of_itself_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_model(tmp_path, "qwen2")
    with caplog.at_level(logging.WARNING):
        read(tmp_path)
    assert "transformers adds <|endoftext|> to its tokenizer, without an embedding" in caplog.text


@pytest.mark.skipif(loading.torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_packs_that_were_said_for_a_gpu_are_small_on_the_cpu_that_takes_its_place(folder: Path) -> None:
    entry = {"path": str(folder), "dtype": "float32", "quantization": "none", "trust_remote_code": False}
    assert loading.load(entry, 16_384, gpus=1).pack_tokens == loading.CPU_PACK
    assert loading.load(entry, 256, gpus=0.5).pack_tokens == 256
    assert loading.load(entry, 16_384).pack_tokens == 16_384  # said for a CPU
