"""Figures of the learning curves."""

from uphill.figures.figure import BANDS, Figure

FIGURES = {
    "learning_curves": Figure(
        "learning_curves",
        "learning_curves",
        "Accuracy against the number of training items, and against what their labels cost if that of a hard item "
        f"costs twice as much as that of an easy one. Dashed, no supervision. {BANDS}",
    )
}
