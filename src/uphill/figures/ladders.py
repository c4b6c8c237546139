"""Figures of ladders."""

from uphill.figures.figure import WHISKERS, Figure

FIGURES = {
    "ladders": Figure(
        "ladders",
        "ladders",
        f"Accuracy on one band of items after training on bands of growing difficulty. {WHISKERS}",
    )
}
