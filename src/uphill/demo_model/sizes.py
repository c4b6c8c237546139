"""The sizes that demo models are trained in, by name.

`full` and `small` ship in resources/. `small` is a weak teacher for `full`: its documents are short and its steps few,
so that one CPU core trains it in less than an hour; that is too little for a probe to read more than chance off it.

The others are a family, of which no weights ship yet: one recipe, one text and one seed, and only the shape differs. A
name says about how many thousand parameters the model has. One document in a hundred of their text repeats items of the
demo's experiments.
"""

from collections.abc import Mapping

from uphill.demo_model.text import TextSettings
from uphill.demo_model.train import TrainSettings


def _of_family(layers: int, width: int, mlp_width: int) -> TrainSettings:
    text = TextSettings(repeated=0.01)
    return TrainSettings(seed=3, steps=19500, layers=layers, width=width, mlp_width=mlp_width, text=text)


FAMILY: Mapping[str, TrainSettings] = {
    "106k": _of_family(layers=2, width=64, mlp_width=176),
    "340k": _of_family(layers=3, width=96, mlp_width=256),
    "614k": _of_family(layers=3, width=128, mlp_width=352),
    "1280k": _of_family(layers=4, width=160, mlp_width=448),
}
SIZES: Mapping[str, TrainSettings] = {
    "full": TrainSettings(),
    "small": TrainSettings(
        seed=3,
        steps=6000,
        documents_per_step=16,
        document_tokens=256,
        learning_rate=3e-3,
        layers=2,
        width=64,
        mlp_width=176,
    ),
    **FAMILY,
}
