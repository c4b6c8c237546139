"""The sizes that the demo model is trained in: what ships in resources/demo-models/, by name.

One recipe, one text and one seed; only the shape differs. A name says about how many thousand parameters the model has.
"""

from collections.abc import Mapping

from uphill.demo_model.train import TrainSettings

SIZES: Mapping[str, TrainSettings] = {
    "106k": TrainSettings(layers=2, width=64, mlp_width=176),
    "340k": TrainSettings(layers=3, width=96, mlp_width=256),
    "614k": TrainSettings(layers=3, width=128, mlp_width=352),
    "1280k": TrainSettings(layers=4, width=160, mlp_width=448),
}
