"""The name of several datasets that are trained on together: `dial+road`, half of each; `dial=3+road`, three to one."""

from collections.abc import Mapping
from math import gcd

BETWEEN, SHARE = "+", "="


def mixture_name(parts: Mapping[str, int]) -> str:
    """One name for the same shares of the same datasets, in whatever order and terms they were given."""
    whole = gcd(*parts.values())
    shares = {name: share // whole for name, share in sorted(parts.items())}
    return BETWEEN.join(name if share == 1 else f"{name}{SHARE}{share}" for name, share in shares.items())


def parts_of(name: str) -> dict[str, int]:
    """By dataset, its share of the training items; of a dataset alone, itself. No name of a config has a + or =."""
    told = (part.partition(SHARE) for part in name.split(BETWEEN))
    return {dataset: int(share or 1) for dataset, _, share in told}


def is_mixture(name: str) -> bool:
    """Whether a name is of several datasets."""
    return BETWEEN in name
