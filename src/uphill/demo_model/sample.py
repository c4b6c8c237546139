"""A sample of the demo models' training text, to look for items in: `python -m uphill.demo_model.sample --out FILE`.

Half of the items that the text repeats are in it, and none of the others is: who searches it finds a part of what the
models read, as a search of any part of a corpus does.
"""

import argparse
import random
from itertools import islice
from pathlib import Path

from uphill.demo_model.repeated import repeated_items
from uphill.demo_model.text import TextSettings, document, repeating
from uphill.prompts.templates import SEPARATOR

DOCUMENTS, EXAMPLES = 20, 8


def sample() -> str:
    """A document of repeated items, each once, and some that repeat none."""
    half = len(repeated_items()) // 2
    settings = TextSettings(repeated=0.0)
    documents = [islice(repeating(random.Random("sample")), half)]
    documents += [islice(document(f"sample/{number}", settings, 1.0), EXAMPLES) for number in range(DOCUMENTS)]
    return SEPARATOR.join(example for one in documents for example, _ in one) + "\n"


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(prog="python -m uphill.demo_model.sample", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file; its folder is made if need be")
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(sample(), encoding="utf-8")


if __name__ == "__main__":
    main()
