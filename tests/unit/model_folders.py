"""Folders of tiny models with something changed in them.

Importable by the tests beside it: pytest puts tests/unit on sys.path.
"""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import write_model
from safetensors.torch import load_file, save_file

from uphill.engine.loading import Loaded, load
from uphill.errors import UphillError

ENTRY = {"revision": None, "dtype": "float32", "quantization": "none", "trust_remote_code": False}
FILE, INDEX = "model.safetensors", "model.safetensors.index.json"
UP = "model.layers.0.mlp.up_proj.weight"
EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
EXPERT = "model.layers.0.block_sparse_moe.experts.1.w1.weight"
Tensors = dict[str, torch.Tensor]
Change = Callable[[Path], object]


def read(folder: Path, **entry: Any) -> Loaded:
    return load({**ENTRY, "path": str(folder), **entry}, 512)


def refusal(folder: Path, **entry: Any) -> str:
    with pytest.raises(UphillError) as error:
        read(folder, **entry)
    assert "\n" not in str(error.value)
    return str(error.value)


def weights(change: Callable[[Tensors], Tensors | None]) -> Change:
    """A change of the tensors on disk: in place, or to those that it returns."""

    def apply(folder: Path) -> None:
        tensors = load_file(folder / FILE)
        changed = change(tensors)
        save_file(tensors if changed is None else changed, folder / FILE, metadata={"format": "pt"})

    return apply


def renamed(rename: Callable[[str], str]) -> Change:
    return weights(lambda tensors: {rename(name): tensor for name, tensor in tensors.items()})


def only(keep: Callable[[str], bool]) -> Change:
    return weights(lambda tensors: {name: tensor for name, tensor in tensors.items() if keep(name)})


def added(**tensors: torch.Tensor) -> Change:
    return weights(lambda there: there.update({name.replace("__", "."): one for name, one in tensors.items()}))


def edited(name: str, **values: Any) -> Change:
    """A change of a JSON file."""

    def apply(folder: Path) -> None:
        path = folder / name
        path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | values))

    return apply


def config(**values: Any) -> Change:
    return edited("config.json", **values)


def number(value: float) -> Change:
    return weights(lambda tensors: tensors[UP].view(-1)[3].fill_(value) and None)


def written(folder: Path, kind: str) -> None:
    """Another kind of model in its place; `tied` is Llama with one matrix for embeddings and head."""
    shutil.rmtree(folder)
    if kind == "tied":
        write_model(folder, "llama", tie_word_embeddings=True)
    else:
        write_model(folder, kind)


def sharded(folder: Path, **changes: str | None) -> None:
    """Lay the weights out in two files with an index, whose entries `changes` replaces; "" leaves one out."""
    tensors = load_file(folder / FILE)
    (folder / FILE).unlink()
    held = {name: f"part-{1 + (number % 2)}.safetensors" for number, name in enumerate(sorted(tensors))}
    for file in set(held.values()):
        save_file({name: tensors[name] for name, there in held.items() if there == file}, folder / file)
    held |= {name.replace("__", "."): file for name, file in changes.items() if file is not None}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": held}))


def beside(folder: Path) -> Path:
    """Whole weights outside the folder."""
    shutil.copytree(folder, folder.parent / "elsewhere")
    return folder.parent / "elsewhere"


class Touch:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def pickled(folder: Path, name: str) -> None:
    (folder / name).write_bytes(pickle.dumps(Touch(folder / "touched")))


def index(weight_map: Any, **more: Any) -> Change:
    def apply(folder: Path) -> None:
        (folder / FILE).unlink(missing_ok=True)
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map} | more))

    return apply


def in_turn(*changes: Change) -> Change:
    def apply(folder: Path) -> None:
        for change in changes:
            change(folder)

    return apply


def in_hubs_cache(folder: Path) -> Path:
    """The folder as the hub's cache lays it out: links to blobs."""
    snapshot = folder.parent / "hub/models--org--name/snapshots" / ("a" * 40)
    blobs = snapshot.parents[1] / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(Path("../../blobs", str(number)))
    return snapshot
