"""Answers of a study beside shipped ones of the same items: how many are the same.

    python benchmarks/shipped.py docs/results/smollm2/zero_shot.csv results/predictions/zero_shot/MODEL/arc.parquet

The first file has a row an item: item_id, choice (its number from 0) and margin (nats between the likeliest choice and
the next). Answers differ where another device, number format or version rounds otherwise and a margin is small.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

LEAST = 0.95
"""Share of the same answers below which something else than rounding is at work."""


def answers(predictions: Path) -> pd.DataFrame:
    """choice and margin of each item that was scored, indexed by item_id."""
    rows = pd.read_parquet(predictions, columns=["item_id", "scores"]).drop_duplicates("item_id").set_index("item_id")
    ordered = rows["scores"].map(lambda scores: np.sort(np.asarray(scores))[::-1])
    return pd.DataFrame(
        {
            "choice": rows["scores"].map(lambda scores: int(np.argmax(scores))),
            "margin": ordered.map(lambda scores: float(scores[0] - scores[1]) if len(scores) > 1 else float("inf")),
        }
    ).sort_index()


def main() -> None:
    """Print the share, and end with an error where it is too small."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shipped", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--write", action="store_true", help="write the shipped file instead")
    given = parser.parse_args()
    found = answers(given.predictions)
    if given.write:
        found.round(4).to_csv(given.shipped)
        return
    both = pd.read_csv(given.shipped, index_col="item_id").join(found, how="inner", lsuffix="_shipped")
    if both.empty:
        raise SystemExit(f"{given.predictions}: no item of {given.shipped}, expected some")
    same = both["choice"] == both["choice_shipped"]
    apart = both.loc[~same, "margin_shipped"]
    print(
        f"{same.sum()} of {len(both)} answers ({same.mean():.1%}) equal those of {given.shipped}"
        + (f"; the others' choices were at most {apart.max():.2f} nats apart there" if len(apart) else "")
    )
    if same.mean() < LEAST:
        raise SystemExit(f"expected at least {LEAST:.0%}")


if __name__ == "__main__":
    main()
