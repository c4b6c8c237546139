"""Pinned repositories of the Hugging Face hub: fetched where there is a network, read where there is none.

Compute nodes of many clusters reach nothing outside. So a login node fetches everything into the hub's own cache
(`HF_HOME`), and jobs, with `HF_HUB_OFFLINE=1`, read it from there.
"""

import re
from pathlib import Path
from typing import Literal

from uphill.errors import UphillError

Kind = Literal["model", "dataset"]

WEIGHTS = "*.safetensors"
FILES: dict[Kind, list[str]] = {
    "model": [WEIGHTS, "*.json", "*.model", "*.tiktoken", "*.txt", "*.jinja"],
    "dataset": ["*.parquet", "*.json*", "*.csv*", "*.md", "*.yaml"],
}
"""What is read of a repository. Not other formats of the same weights, nor archives of the same rows."""
CODE = "*.py"
PARTS = ["[0-9]*_*/*.json", "[0-9]*_*/*.safetensors"]
"""What an embedder has beside a model's own files, such as how states are pooled: a folder a part, by its number."""
LEFT_OUT: dict[Kind, list[str]] = {"model": ["*/*", "consolidated*"], "dataset": []}
"""Second copies of the weights, in folders and under their maker's own names."""
LEFT_OUT_OF_PARTS = ["[!0-9]*/*", "consolidated*"]

COMMIT = re.compile(r"[0-9a-f]{40}")
HUB_ID = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*", re.ASCII)


def pinned(revision: str) -> str:
    """`revision`, if it is the hash of a commit; a short one may be a branch of that name.

    Raises:
        ValueError: it is something that may mean another thing tomorrow.
    """
    if not COMMIT.fullmatch(revision):
        raise ValueError(f"is {revision!r}, expected the hash of a commit (40 hex digits), which cannot change")
    return revision


def fetch(kind: Kind, hub_id: str, revision: str, code: bool = False, parts: bool = False) -> Path:
    """Download what is not in the cache yet; returns the folder.

    Args:
        kind: model or dataset.
        hub_id: the repository.
        revision: the commit.
        code: also fetch the code that comes with a model.
        parts: also fetch the parts of an embedder.

    Raises:
        UphillError: the hub cannot be reached, lets nobody in without a token, or has no such thing.
    """
    folder = _snapshot(kind, hub_id, revision, [*([CODE] if code else []), *(PARTS if parts else [])], local=False)
    if kind == "model" and not list(folder.glob(WEIGHTS)):
        raise UphillError(f"hub model {hub_id} at {revision}: no safetensors there, and no other format is loaded")
    return folder


def fetched(kind: Kind, hub_id: str, revision: str) -> Path:
    """The folder of a repository that was fetched before; the network is left alone.

    Raises:
        UphillError: it was not, or not all of it.
    """
    return _snapshot(kind, hub_id, revision, [], local=True)


def offline() -> bool:
    """Whether this process was told to leave the hub alone (HF_HUB_OFFLINE)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _snapshot(kind: Kind, hub_id: str, revision: str, also: list[str], local: bool) -> Path:
    from huggingface_hub import snapshot_download  # takes its time; a config is read without it

    try:
        folder = snapshot_download(
            hub_id,
            repo_type=kind,
            revision=revision,
            allow_patterns=[*FILES[kind], *also],
            ignore_patterns=LEFT_OUT_OF_PARTS if PARTS[0] in also else LEFT_OUT[kind],
            local_files_only=local,
        )
    except Exception as error:  # huggingface_hub and its HTTP client have a dozen kinds between them
        reason = " ".join(str(error).split()) or type(error).__name__
        what = "was not fetched; run the target `fetch` where there is a network" if local else "cannot be fetched"
        raise UphillError(f"hub {kind} {hub_id} at {revision}: {what} ({reason})") from error
    return Path(folder)
