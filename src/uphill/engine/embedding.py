"""Embeddings of texts by sentence-transformers, which is loaded here and nowhere else (extra `embedding`)."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uphill.engine.loading import _take_gpus, folder_of
from uphill.engine.opening import gpus_of
from uphill.engine.vetting import vet
from uphill.errors import UphillError
from uphill.running.job import Running
from uphill.running.noting import CUT, note

log = logging.getLogger(__name__)
MODULES, LIBRARY = "modules.json", "sentence_transformers."
BATCH = 32
"""Texts side by side, the same everywhere: near the threshold a batch's size is in the last digits."""
QUESTION = "{question}"
"""The slot of an instruction."""


def embedder(job: Running, settings: Mapping[str, Any]) -> Callable[[Sequence[str], str], NDArray[np.float32]]:
    """What embeds texts of an item with some question: [N, D] vectors of length 1, float32.

    Args:
        job: whose resources say whether there is a GPU.
        settings: `model`, its config entry, and `instruction`, what stands before each text or None.

    Raises:
        UphillError: the library is missing, or the folder has no such model.
    """
    model = _loaded(settings["model"], gpus_of(job.resources))
    instruction, cut = settings["instruction"] or "", _Cut(settings["model"]["name"])

    def embed(texts: Sequence[str], question: str) -> NDArray[np.float32]:
        before = instruction.replace(QUESTION, question)
        cut.look(model, [before + text for text in texts])
        with torch.inference_mode():
            found = model.encode(
                list(texts),
                prompt=before or None,
                batch_size=BATCH,
                convert_to_numpy=True,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
        return unit(np.asarray(found, dtype=np.float32))

    return embed


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """[N, D] the same, of length 1.

    Raises:
        UphillError: a vector has no direction, or is no number.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise UphillError("an embedding is zero or no number, expected a vector with a direction")
    return np.asarray(vectors / lengths, dtype=np.float32)


def _loaded(entry: Mapping[str, Any], gpus: float) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError:
        raise UphillError(
            f"models.{entry['name']}: embeddings need the library sentence-transformers, which is not installed; "
            "pip install 'uphill[embedding]'"
        ) from None
    folder = folder_of(entry, parts=True)
    vet(folder, entry)
    _vet_parts(folder, entry["trust_remote_code"])
    placed = _take_gpus(gpus, str(folder)) if gpus > 0 else None
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu" if placed is None else "cuda",
            trust_remote_code=entry["trust_remote_code"],
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except Exception as error:  # a wrong file, a library that is missing
        raise UphillError(f"{folder}: cannot be loaded: {' '.join(str(error).split())}") from error


def _vet_parts(folder: Path, trusted: bool) -> None:
    """Refuse parts that are missing, for others would stand in, and classes of anybody else."""
    try:
        parts = [(str(part["type"]), str(part["path"])) for part in json.loads((folder / MODULES).read_text())]
    except FileNotFoundError:
        return  # a plain model, whose states are averaged
    except (ValueError, KeyError, TypeError):
        raise UphillError(f"{folder / MODULES}: expected a list of parts, each with type and path") from None
    for kind, path in parts:
        if not trusted and not kind.startswith(LIBRARY):
            raise UphillError(f"{folder / MODULES}: a part of type {kind!r}, expected one of {LIBRARY}")
        # A part that has nothing to say, as one that makes lengths 1, has no folder where repositories keep none.
        there = (folder / path).is_dir() or kind.endswith(".Normalize")
        if Path(path).is_absolute() or ".." in Path(path).parts or not there:
            raise UphillError(f"{folder / MODULES}: no folder {path!r}, expected all parts of an embedder")


class _Cut:
    """Says of texts that are longer than what a model reads, once: their ends are not in their embeddings."""

    def __init__(self, name: str) -> None:
        self._name, self._said = name, False

    def look(self, model: Any, texts: Sequence[str]) -> None:
        """Count tokens against the model's own limit."""
        limit = model.max_seq_length
        if self._said or limit is None:
            return
        longest = max(len(ids) for ids in model.tokenizer(list(texts))["input_ids"])
        if longest > limit:
            self._said = True
            log.warning("models.%s reads %d tokens of a text, and some have %d", self._name, limit, longest)
            note(f"{CUT}models.{self._name} embeds the first {limit} tokens of a text, and some texts are longer")
