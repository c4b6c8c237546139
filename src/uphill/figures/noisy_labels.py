"""Figures of the experiment on label noise."""

from uphill.figures.figure import BANDS, Figure

FIGURES = {
    "noisy_labels": Figure(
        "noisy_labels",
        "noisy_labels",
        "Accuracy against the share of random labels in easy data; hard data has the larger share that the axis says. "
        f"Dashed, no supervision. {BANDS}",
    )
}
