"""The sizes that the demo model is trained in: what ships in resources/, by name.

`small` is a weak teacher for `full`. Its documents are short and its steps few, so that one CPU core trains it in less
than an hour; that is too little for a probe to read more than chance off it.
"""

from collections.abc import Mapping

from uphill.demo_model.train import TrainSettings

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
}
