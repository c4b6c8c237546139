"""When a model is certain of an item: by how its texts fall into clusters, by a rule that the config states."""

from fractions import Fraction
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Certain(BaseModel):
    """A rule: a number of clusters, or the share of the largest."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    clusters: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Certain with at least one cluster and at most so many, whatever is in none (published: 1), or",
    )
    share: float | None = Field(
        None, gt=0, le=1, description="where the largest cluster has this share of all texts, those in none included."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.clusters is None) == (self.share is None):
            raise ValueError("expected one of clusters and share")
        return self

    def holds(self, sizes: list[int], n_samples: int) -> bool:
        """Whether an item is certain.

        Args:
            sizes: texts of each cluster of two or more.
            n_samples: of all texts.
        """
        if not sizes:
            return False
        if self.clusters is not None:
            return len(sizes) <= self.clusters
        assert self.share is not None, "one of both is given"
        # As it is written in the config: .55 of 100 texts are 55.
        return max(sizes) >= Fraction(str(self.share)) * n_samples
