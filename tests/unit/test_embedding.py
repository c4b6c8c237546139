"""Embeddings: those of the model itself, one text at a time; what is cut is said, and a missing library is named."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ROOT
from engine_models import VOCABULARY, WORDS, word_tokenizer
from huggingface_hub import constants
from safetensors.torch import load_file
from transformers import BertConfig, BertModel

from uphill.engine.embedding import embedder, unit
from uphill.errors import UphillError
from uphill.running.noting import forget, noted

sys.path.append(str(ROOT / "tests/workflow"))
from hub import serving

WINDOW = 16
TEXTS = ["w1 w2 w3", "w4", "w1 w2 w3 w4 w5 w6 w7", "w9 w8"]
JOB: Any = SimpleNamespace(resources=SimpleNamespace(gpu=0, gpu_percent=0))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small encoder with random weights, saved as transformers saves one."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    config = BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=WINDOW, initializer_range=0.5, **sizes)
    BertModel(config).eval().save_pretrained(folder)
    tokenizer = word_tokenizer(bos=False)
    tokenizer.pad_token = "<unk>"
    tokenizer.model_max_length = WINDOW
    tokenizer.save_pretrained(folder)
    return folder


def settings(model: Path, instruction: str | None = None) -> dict[str, Any]:
    entry = {"name": "encoder", "path": str(model), "hub_id": None, "revision": None, "quantization": "none"}
    return {"model": {**entry, "trust_remote_code": False}, "instruction": instruction}


def alone(model: Path, text: str) -> Any:
    """The mean of the last states of a text's own tokens, of length 1, by plain transformers."""
    ids = torch.tensor([[VOCABULARY[word] for word in text.split()]])
    with torch.inference_mode():
        states = BertModel.from_pretrained(model, use_safetensors=True).eval()(input_ids=ids).last_hidden_state[0]
    mean = states.double().mean(0).numpy()
    return mean / np.sqrt((mean**2).sum())


def test_a_vector_is_its_texts_own_whatever_stands_beside_it(model: Path) -> None:
    found = embedder(JOB, settings(model))(TEXTS, "?")
    assert found.dtype == np.float32
    # float32, of some hundred operations.
    np.testing.assert_allclose(found, [alone(model, text) for text in TEXTS], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_an_instruction_stands_before_each_text_with_the_items_question(model: Path) -> None:
    forget()
    embed = embedder(JOB, settings(model, "w0 {question} "))
    assert abs(embed(TEXTS, "w7") - embed(TEXTS, "w8")).max() > 0.01
    np.testing.assert_allclose(embed(TEXTS, "w7"), embed(TEXTS, "w7"), atol=1e-6)
    assert noted() == []


def test_texts_that_are_longer_than_what_the_model_reads_are_said(model: Path) -> None:
    forget()
    long = " ".join(WORDS[:WINDOW])
    embed = embedder(JOB, settings(model))
    same = embed([f"{long} w1", f"{long} w2"], "?")
    # The end, which says the other thing, is not in the vector: so a reader is told.
    np.testing.assert_allclose(same[0], same[1], atol=1e-6)
    assert noted() == [f"cut models.encoder embeds the first {WINDOW} tokens of a text, and some texts are longer"]


def test_a_vector_without_a_direction_is_refused() -> None:
    for bad in (0.0, np.nan, np.inf):
        with pytest.raises(UphillError, match="an embedding is zero or no number"):
            unit(np.full((1, 3), bad, dtype=np.float32))


def test_a_missing_library_is_named(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UphillError, match=r"models\.encoder: embeddings need the library sentence-transformers, which"):
        embedder(JOB, settings(model))


@pytest.fixture(scope="module")
def whole(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encoder as an embedder of parts: the first token's state, through a layer of its own."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer

    torch.manual_seed(1)
    reader = Transformer(str(model))
    parts = [reader, Pooling(16, pooling_mode="cls"), Dense(16, 8)]
    folder = tmp_path_factory.mktemp("embedder")
    SentenceTransformer(modules=parts, device="cpu").save(str(folder))
    return folder


def test_parts_of_an_embedder_decide(model: Path, whole: Path) -> None:
    found = embedder(JOB, settings(whole))(TEXTS, "?")
    assert found.shape == (4, 8)
    ids = torch.tensor([[VOCABULARY[word] for word in TEXTS[0].split()]])
    with torch.inference_mode():
        first = BertModel.from_pretrained(model, use_safetensors=True).eval()(input_ids=ids).last_hidden_state[0, 0]
    layer = load_file(whole / "2_Dense/model.safetensors")
    by_hand = torch.tanh(layer["linear.weight"] @ first + layer["linear.bias"])
    np.testing.assert_allclose(found[0], by_hand / by_hand.norm(), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda folder: shutil.rmtree(folder / "1_Pooling"),
            "no folder '1_Pooling', expected all parts of an embedder",
        ),
        (lambda folder: _type(folder, "os.system"), r"a part of type 'os\.system', expected one of sentence_trans"),
        (lambda folder: (folder / "modules.json").write_text("{"), "expected a list of parts, each with type and path"),
    ],
    ids=["a part that is missing", "another's class", "no list"],
)
def test_other_parts_are_refused(whole: Path, tmp_path: Path, change: Any, message: str) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    change(tmp_path / "copy")
    with pytest.raises(UphillError, match=rf"modules\.json: {message}"):
        embedder(JOB, settings(tmp_path / "copy"))


def _type(folder: Path, kind: str) -> None:
    parts = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([*parts[:-1], parts[-1] | {"type": kind}]))


def test_of_the_hub_it_is_what_it_is_of_a_folder(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched where there is a network, and read where there is none."""
    commit = "0" * 40
    (whole / "onnx").mkdir()
    (whole / "onnx/model.safetensors").write_bytes(b"the same weights again")
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serving({"org/embedder": whole}, commit, "t") as hub:
        given = os.environ | {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_TOKEN": "t"}
        script = f"from uphill.running.hub import fetch; fetch('model', 'org/embedder', '{commit}', parts=True)"
        subprocess.run([sys.executable, "-c", script], env=given, check=True)
        assert "org/embedder/1_Pooling/config.json" in hub.asked
        assert "org/embedder/2_Dense/model.safetensors" in hub.asked
        assert not [path for path in hub.asked if "onnx" in path]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    asked = settings(whole)
    asked["model"] |= {"path": None, "hub_id": "org/embedder", "revision": commit}
    np.testing.assert_allclose(embedder(JOB, asked)(TEXTS, "?"), embedder(JOB, settings(whole))(TEXTS, "?"), atol=1e-6)
