"""Keyed randomness: a draw depends on what it is for, and on nothing that ran before."""

import hashlib
import json

import numpy as np

Key = str | int | float


def keyed_seed(*key: Key) -> int:
    """A 128-bit seed that depends on every part of `key` and on nothing else."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return int.from_bytes(digest[:16], "big")


def keyed_rng(*key: Key) -> np.random.Generator:
    """A generator of its own for `key`, such as `("train", dataset, variable, level, boot)`."""
    return np.random.default_rng(keyed_seed(*key))


def keyed_torch_seed(*key: Key) -> int:
    """As `keyed_seed`, in the range that `torch.manual_seed` takes."""
    return keyed_seed(*key) % 2**63
