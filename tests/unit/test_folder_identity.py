"""A folder of a model is known by the files that can change a number."""

import json
import os
from pathlib import Path

import pytest
from changed_studies import ROOT, plan

from uphill.errors import UphillError
from uphill.identity import contents
from uphill.identity.files import folder_digest
from uphill.workflow.stages.responses import model_identity


@pytest.fixture(autouse=True)
def _from_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def of_folder(folder: Path, code: bool = False) -> str:
    """A model folder's identity as a new process finds it."""
    folder_digest.cache_clear()
    contents.forget()
    return folder_digest(str(folder), code)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Something laid out as a model, in two files of weights, one of them in a folder, and one that nothing names."""
    (tmp_path / "model/part").mkdir(parents=True)
    index = {"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "part/two.safetensors"}}
    files = {"config.json": "{}", "model.safetensors.index.json": json.dumps(index), "one.safetensors": "a" * 5000}
    files |= {"part/two.safetensors": "b" * 5000, "other.safetensors": "c", "pytorch_model.bin": "d"}
    for name, text in files.items():
        (tmp_path / "model" / name).write_text(text)
    return tmp_path / "model"


DECIDES = (
    *("config.json", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.4.9.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "vocab.bpe"),
    *("encoder.json", "bpe.codes", "tokenizer.model", "tokenizer.model.v3", "spiece.model", "sentencepiece.bpe.model"),
    *("qwen.tiktoken", "tekken.json", "chat_template.jinja", "chat_template.json"),
    "additional_chat_templates/tool_use.jinja",
)
DECIDES_NOTHING = (
    *("README.md", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md", ".gitattributes", "loss.png", "card.svg"),
    *("generation_config.json", "other.safetensors", "consolidated.safetensors", "pytorch_model.bin", "optimizer.pt"),
    *("training_args.bin", "trainer_state.json", "recipe.json", "modeling_theirs.py", "notes.txt", ".cache/x.json"),
)


@pytest.mark.parametrize(
    ("name", "decides"),
    [*((name, True) for name in DECIDES), *((name, False) for name in DECIDES_NOTHING)],
)
def test_a_model_is_known_by_the_files_that_can_change_a_number(folder: Path, name: str, decides: bool) -> None:
    before, path = of_folder(folder), folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.is_file() else "") + " ")
    assert (of_folder(folder) != before) is decides
    path.touch()
    path.chmod(0o600)
    after = of_folder(folder)
    os.utime(path, (1, 1))
    assert of_folder(folder) == after


@pytest.mark.parametrize("name", ["modeling_theirs.py", "kernels/deep/inner.py", "table.bin", "extra.json", "one.npy"])
def test_code_that_runs_may_read_any_file_but_a_card(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    before = of_folder(folder, code=True)
    (folder / name).write_text("1")
    assert of_folder(folder, code=True) != before
    now = of_folder(folder, code=True)
    for card in ("README.md", "plot.png", "generation_config.json", ".git/config", "__pycache__/x.pyc"):
        (folder / card).parent.mkdir(exist_ok=True)
        (folder / card).write_text("of no account")
    assert of_folder(folder, code=True) == now


@pytest.mark.parametrize("file", ["one.safetensors", "part/two.safetensors"])
@pytest.mark.parametrize("place", [0, 1, 1234, 2500, 4998, 4999])
def test_weights_are_read_whole(folder: Path, file: str, place: int) -> None:
    before, weights = of_folder(folder), bytearray((folder / file).read_bytes())
    weights[place] ^= 1
    (folder / file).write_bytes(weights)
    assert of_folder(folder) != before


@pytest.mark.parametrize(
    ("shard", "said"),
    [
        ("pytorch_model.bin", "expected a .safetensors file"),
        ("../two.safetensors", "lies outside the folder"),
        ("absent.safetensors", "absent.safetensors is missing"),
    ],
)
def test_weights_that_no_load_would_read_are_refused_before_anything_runs(folder: Path, shard: str, said: str) -> None:
    (folder.parent / "two.safetensors").write_text("b")
    index = {"metadata": {}, "weight_map": {"a": "one.safetensors", "b": shard}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UphillError, match=said):
        plan(models__demo={"path": str(folder)}).check()


def test_remote_code_that_changes_makes_its_results_stale(folder: Path) -> None:
    entry = {"path": str(folder), "dtype": "float32"}
    (folder / "theirs.py").write_text("a = 1")
    for trusted in (False, True):
        before = model_identity(plan(models__demo={**entry, "trust_remote_code": trusted}), "demo")
        (folder / "theirs.py").write_text(f"a = {2 + trusted}")
        folder_digest.cache_clear()
        after = model_identity(plan(models__demo={**entry, "trust_remote_code": trusted}), "demo")
        assert (before != after) is trusted
