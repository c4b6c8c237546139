"""The whole recipe: `python -m uphill.demo_model --out DIR` trains the family of demo models side by side, measures
them and writes their cards, into a folder of DIR each. `--size 106k` makes one of them.

The family takes some eight minutes on a GPU and sixteen cores, of which twelve should write text (`--workers 12`). On a
CPU it takes days.
"""

import argparse
import os
from pathlib import Path

from uphill.demo_model.family import make_family
from uphill.demo_model.sizes import FAMILY
from uphill.demo_model.train import TrainSettings


def main() -> None:
    """Parse the command line and run the recipe."""
    about = (__doc__ or "").split("\n\n", 1)[0]
    parser = argparse.ArgumentParser(prog="python -m uphill.demo_model", description=about)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models' folders; made if need be")
    parser.add_argument(
        "--size", choices=FAMILY, action="append", help="one of the models, or more (default: the family)"
    )
    parser.add_argument("--steps", type=int, default=None, help="optimiser steps (default: the size's own)")
    parser.add_argument("--seed", type=int, default=None, help="of text and weights (default: the size's own)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=None, help="processes that write text (default: one a core)")
    options = parser.parse_args()
    said = {name: value for name in ("steps", "seed") if (value := getattr(options, name)) is not None}
    sizes = {
        name: TrainSettings.model_validate(FAMILY[name].model_dump() | said) for name in options.size or list(FAMILY)
    }
    make_family(sizes, options.out, options.device, options.workers or os.cpu_count() or 1)


if __name__ == "__main__":
    main()
