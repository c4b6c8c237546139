"""What decides who trains and who tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SplitSettings:
    """Who trains and who tests.

    Attributes:
        boots: independent draws of the training items; with `folds`, the folds.
        n_train: training items of a level and boot.
        n_test: test items, equal shares a level, the same in every boot unless `fresh_test` or `folds`; None tests all
            that a boot does not train on.
        min_test: items that a level must keep for testing.
        folds: whether boot b tests fold b of each level, on which none of its levels trains.
        own_test: published switch: without `n_test`, a level tests on all that it does not train on itself, though
            another level may train on it; conditions are then not paired.
        fresh_test: published switch: the `n_test` items are drawn anew for each boot, whose levels share them.
        train_on_test: published switch: what is tested may be trained on too.
        fixed_noise: published switch: noise falls on the same ranks in every boot.
        seed: the run's seed.
        train_on: levels that are trained on; one that the dataset has not is trained on elsewhere and tested here.
            None for every level.
        test_on: levels that are tested; None for every level.
        levels: those that have items of the dataset, from easy to hard.
        mixes: by name in `train_on`, levels of which a cell trains on as many items each, the first of their own draws.
    """

    boots: int
    n_train: int
    n_test: int | None
    min_test: int
    seed: int
    own_test: bool = False
    fresh_test: bool = False
    fixed_noise: bool = False
    train_on: Sequence[str] | None = None
    test_on: Sequence[str] | None = None
    folds: bool = False
    train_on_test: bool = False
    levels: Sequence[str] = ()
    mixes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def alone(self, level: str) -> bool:
        """Whether a level is trained on by itself."""
        return self.train_on is None or level in self.train_on

    def drawn(self, level: str) -> int:
        """Training items that are drawn of a level, for itself and for mixes."""
        shares = [-(-self.n_train // len(parts)) for parts in self.mixes.values() if level in parts]
        return self.n_train if self.alone(level) else max(shares, default=0)

    def tests(self, level: str) -> bool:
        """Whether a level is tested."""
        return self.test_on is None or level in self.test_on

    def shares(self, levels: int) -> list[int]:
        """Test items that each level gives, in the order of their names; 0 where everything left over is tested."""
        total = self.n_test or 0
        return [total // levels + (number < total % levels) for number in range(levels)]
