"""A model's folder: which of its files a load opens, and that none of them is a pickle or lies elsewhere."""

import json
from pathlib import Path, PurePosixPath
from typing import Any

from uphill.errors import UphillError

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
VOCABULARY = (
    *("tokenizer.json", TOKENIZER_CONFIG, "tokenizer.*.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab*.json", "vocab*.txt", "vocab*.bpe", "encoder.json", "*vocab.json", "merges*.txt", "bpe.codes", "dict.txt"),
    *("emoji.json", "normalizer.json", "byte_maps.json", "word_shape.json", "word_pronunciation.json", "tekken.json"),
    *("*.model", "tokenizer.model*", "*.spm", "*.tiktoken", "*.vocab", "*.tokenizer"),
    *("chat_template.*", "chat_templates/*", "additional_chat_templates/*"),
)
"""What tokenizers of transformers are read from."""
NO_PART = (
    *("README*", "LICENSE*", "LICENCE*", "NOTICE*", "*.md", "generation_config.json"),
    *("*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp", "*.pdf"),
)
"""What no code of a model computes from."""


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object of a model's folder; an empty one where there is no such file.

    Raises:
        UphillError: it is something else, or lies outside the folder.
    """
    if not (folder / name).is_file():
        return {}
    try:
        found = json.loads(inside(folder, name).read_text(encoding="utf-8"), parse_constant=_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise UphillError(f"{folder}/{name}: not JSON ({' '.join(str(error).split())})") from None
    if not isinstance(found, dict):
        raise UphillError(f"{folder}/{name}: expected a JSON object")
    return found


def _constant(name: str) -> float:
    """A number that JSON has not; some models have a limit at infinity."""
    if name == "NaN":
        raise ValueError("NaN, expected a number")
    return float(name)


def inside(folder: Path, name: Any) -> Path:
    """A file of a model's folder.

    Files of the hub's cache are links to its blobs, and stay legal.

    Raises:
        UphillError: it lies elsewhere, by its name or as a link, or is not there.
    """
    place = folder.resolve()
    in_cache = place.parent.name == "snapshots" and place.parents[1].name.startswith("models--")
    home = place.parents[2] if in_cache else place
    given = PurePosixPath(str(name))
    path = folder / given
    if given.is_absolute() or ".." in given.parts or not path.resolve().is_relative_to(home):
        raise UphillError(f"{folder}: {name} lies outside the folder, expected all of a model's files in it")
    if not path.is_file():
        raise UphillError(f"{folder}: {name} is missing, though the model's index or config names it")
    return path


def opened_as(folder: Path) -> str | None:
    """The file that a load begins with: one of weights, or an index of several; None where there is neither."""
    named = read_json(folder, CONFIG).get("transformers_weights")
    if named is not None:
        return inside(folder, named).relative_to(folder).as_posix()
    return next((name for name in (WEIGHTS, INDEX) if (folder / name).is_file()), None)


def index_of(folder: Path) -> dict[str, str]:
    """The file of each tensor, where an index says so; else nothing.

    Raises:
        UphillError: the index is damaged.
    """
    name = opened_as(folder)
    if name is None or not name.endswith(".index.json"):
        return {}
    index = read_json(folder, name)
    held = index.get("weight_map")
    if not isinstance(held, dict) or not held or not isinstance(index.get("metadata"), dict):
        raise UphillError(f"{folder}/{name}: expected metadata, and a weight_map of tensors to files")
    return held


def weight_files(folder: Path) -> list[str]:
    """Names of the files that a load reads weights from; none where the folder holds none.

    Raises:
        UphillError: one is no safetensors file by its name, is missing, or lies outside the folder.
    """
    first = opened_as(folder)
    names = sorted({str(file) for file in index_of(folder).values()}) or ([first] if first else [])
    for name in names:
        if not name.endswith(".safetensors"):
            raise UphillError(f"{folder}: {name} is to be opened for weights, expected a .safetensors file")
        inside(folder, name)
    return names


def deciding_files(folder: Path, code: bool = False) -> dict[str, Path]:
    """Every file that can change a number that the model gives, by its name in the folder.

    Args:
        folder: the model's.
        code: whether code that comes with the model runs. It may open any file.

    Raises:
        UphillError: one lies outside the folder.
    """
    if code:
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if _may_decide(path, folder)}
    else:
        found = {path for pattern in (CONFIG, *VOCABULARY) for path in folder.glob(pattern) if path.is_file()}
        names = {path.relative_to(folder).as_posix() for path in found}
    names |= {name for name in (opened_as(folder), *weight_files(folder)) if name}
    return {name: inside(folder, name) for name in sorted(names)}


def _may_decide(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden and not any(map(path.match, NO_PART))
