"""The demo models that ship in resources/demo-models/, by name: a family of one recipe, one text and one seed.

Only the shape differs. A name says about how many thousand parameters the model has. One document in a hundred of their
text repeats items of the demo's experiments.

Half of the documents are right for longer than `TextSettings` has it, and what settles comes later: with .15 to .6 and
.8, and seed 3, two of the four sizes never learned to tell careful from careless by a few examples. With these settings
the two smaller ones still do not.
"""

from collections.abc import Mapping

from uphill.demo_model.text import TextSettings
from uphill.demo_model.train import TrainSettings


def _of_family(layers: int, width: int, mlp_width: int) -> TrainSettings:
    text = TextSettings(even=(0.15, 0.75), settled=0.9, repeated=0.01)
    return TrainSettings(seed=5, steps=19500, layers=layers, width=width, mlp_width=mlp_width, text=text)


FAMILY: Mapping[str, TrainSettings] = {
    "106k": _of_family(layers=2, width=64, mlp_width=176),
    "340k": _of_family(layers=3, width=96, mlp_width=256),
    "614k": _of_family(layers=3, width=128, mlp_width=352),
    "1280k": _of_family(layers=4, width=160, mlp_width=448),
}
