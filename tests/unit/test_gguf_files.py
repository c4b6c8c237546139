"""Models in GGUF files: read as what was written, or refused in a line."""

from pathlib import Path
from typing import Any

import gguf
import gguf_writing
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFReader, dequantize, quantize
from transformers import AutoModelForCausalLM, AutoTokenizer

from uphill.engine.gguf_files import convert, convert_to
from uphill.engine.loading import load
from uphill.errors import UphillError

ENTRY = {"quantization": "none", "trust_remote_code": False}
IDS = torch.arange(3, 40)[None]


@pytest.fixture(autouse=True)
def _no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")


def converted(path: Path, dtype: str = "float32") -> Path:
    folder = path.with_suffix("")
    folder.mkdir()
    convert(path, folder, dtype)
    return folder


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("tied", [True, False])
def test_the_model_computes_what_the_one_that_was_written_computes(tmp_path: Path, kind: str, tied: bool) -> None:
    made = gguf_writing.model(kind, tied)
    folder = converted(gguf_writing.write(tmp_path / "some.gguf", made, pre="qwen2" if kind == "qwen2" else "smollm"))
    loaded = load({"path": str(folder), "dtype": "float32", **ENTRY}, 256)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(IDS).logits, made(IDS).logits, rtol=1e-5, atol=1e-6)
    assert loaded.window == gguf_writing.SIZES["max_position_embeddings"]


@pytest.mark.parametrize("packed", [GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0, GGMLQuantizationType.F16])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_quantized_weights_are_those_that_the_packed_ones_stand_for(
    tmp_path: Path, packed: GGMLQuantizationType, dtype: str
) -> None:
    made = gguf_writing.model()
    folder = converted(gguf_writing.write(tmp_path / "some.gguf", made, packed), dtype)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    weights = dict(model.named_parameters())
    for name, weight in made.named_parameters():
        values = weight.detach().numpy()
        if values.ndim == 2:
            values = dequantize(quantize(values, packed), packed)
        torch.testing.assert_close(weights[name].detach(), torch.from_numpy(values).to(model.dtype), rtol=0, atol=0)


def test_texts_are_split_as_the_published_tokenizer_splits_them(tmp_path: Path) -> None:
    """The vocabulary has a merge of 1 and 2, which no text that SmolLM reads ever makes."""
    path = gguf_writing.write(tmp_path / "some.gguf", gguf_writing.model())
    tokenizer = AutoTokenizer.from_pretrained(converted(path))
    assert tokenizer.tokenize("in 1234, the") == ["i", "n", "Ġ", "1", "2", "3", "4", ",", "Ġthe"]
    assert tokenizer.tokenize("<|im_start|>12") == ["<|im_start|>", "1", "2"]
    plain = gguf_writing.write(tmp_path / "plain.gguf", gguf_writing.model(), pre="gpt-2")
    assert AutoTokenizer.from_pretrained(converted(plain)).tokenize("x 12") == ["x", "Ġ", "12"]
    assert tokenizer.decode(tokenizer("Zürich, 12 %").input_ids) == "Zürich, 12 %"
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
    assert "messages" in tokenizer.chat_template


def test_the_same_file_gives_the_same_bytes_and_leaves_nothing_beside_them(tmp_path: Path) -> None:
    path = gguf_writing.write(tmp_path / "some.gguf", gguf_writing.model())
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    found = []
    for where in ("one", "two"):
        files = [tmp_path / where / name for name in names]
        (tmp_path / "scratch").mkdir(exist_ok=True)
        (tmp_path / "scratch/left-by-a-kill").write_text("half")
        convert_to(files, path, "float32", tmp_path / "scratch")
        found.append([file.read_bytes() for file in files])
        assert sorted(file.name for file in (tmp_path / where).iterdir()) == sorted(names)
    assert found[0] == found[1]
    assert not (tmp_path / "scratch").exists()


def test_the_header_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as a reader is made: transformers makes one for the config, the weights and the tokenizer each."""
    path, read = gguf_writing.write(tmp_path / "some.gguf", gguf_writing.model()), []
    begin = GGUFReader.__init__

    def counted(self: GGUFReader, *given: Any) -> None:
        read.append(given)
        begin(self, *given)

    monkeypatch.setattr(GGUFReader, "__init__", counted)
    converted(path)
    assert len(read) == 1
    assert gguf.GGUFReader is GGUFReader


def test_files_beside_it_are_not_read(tmp_path: Path) -> None:
    made = gguf_writing.model()
    (tmp_path / "alone").mkdir()
    alone = converted(gguf_writing.write(tmp_path / "alone/some.gguf", made))
    beside = tmp_path / "beside"
    beside.mkdir()
    path = gguf_writing.write(beside / "some.gguf", made)
    (beside / "config.json").write_text('{"model_type": "gpt2", "vocab_size": 3}')
    (beside / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "x"}')
    (beside / "tokenizer_config.json").write_text('{"chat_template": "another", "bos_token": "<|endoftext|>"}')
    (beside / "chat_template.jinja").write_text("another")
    (beside / "generation_config.json").write_text('{"do_sample": true}')
    found = converted(path)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        assert (found / name).read_bytes() == (alone / name).read_bytes(), name


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"keys": {"general.architecture": "falcon"}}, "general.architecture is 'falcon'"),
    "scaled positions": ({"keys": {"llama.rope.scaling.factor": 4.0}}, "llama.rope.scaling.factor is 4.0"),
    "a window": ({"keys": {"llama.attention.sliding_window": 16}}, "llama.attention.sliding_window is 16"),
    "a part of each head": ({"keys": {"llama.rope.dimension_count": 8}}, "expected (16, 64)"),
    "another split": ({"pre": "mystery"}, "tokenizer.ggml.pre 'mystery'"),
    "another tokenizer": ({"keys": {"tokenizer.ggml.model": "llama"}}, "its tokenizer is 'llama'"),
    "a tensor too many": ({"others": {"rope_freqs.weight": np.ones(8, np.float32)}}, "rope_freqs.weight"),
    "a tensor too few": ({"others": {"blk.1.ffn_up.weight": None}}, "model.layers.1.mlp.up_proj.weight is missing"),
    "another shape": (
        {"others": {"blk.1.ffn_up.weight": np.ones((96, 32), np.float32)}},
        "model.layers.1.mlp.up_proj.weight",
    ),
    "no number": (
        {"others": {"output_norm.weight": np.full(64, np.nan, np.float32)}},
        "model.norm.weight is not finite",
    ),
    "fewer tokens": (
        {"keys": {"tokenizer.ggml.tokens": gguf_writing.TOKENS[:-1], "tokenizer.ggml.merges": ["1 2", "Ġ t", "h e"]}},
        "tokens, but embeddings of",
    ),
    "a token twice": (
        {"keys": {"tokenizer.ggml.tokens": [*gguf_writing.TOKENS[:-1], "!"], "tokenizer.ggml.merges": ["1 2"]}},
        "is read as another",
    ),
    "an end that each text gets": ({"keys": {"tokenizer.ggml.add_eos_token": True}}, "add_eos_token is True"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_would_be_read_as_something_else_is_refused(tmp_path: Path, what: str) -> None:
    given, said = WRONG[what]
    path = gguf_writing.write(tmp_path / "some.gguf", gguf_writing.model(), **given)
    with pytest.raises(UphillError, match=r"some\.gguf: ") as raised:
        convert(path, tmp_path, "float32")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = gguf_writing.write(tmp_path / "some.gguf", gguf_writing.model())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UphillError, match=r"some\.gguf: no whole GGUF file"):
        convert(path, tmp_path, "float32")
