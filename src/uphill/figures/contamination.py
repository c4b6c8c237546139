"""The figure of flagged items."""

from uphill.figures.figure import WHISKERS, Figure

FIGURES = {
    "contamination": Figure(
        "contamination",
        "flagged",
        "Accuracy by test level on all items, on the flagged ones and on the others: without supervision (dashed, "
        "hollow) and after training on the easiest level (solid, filled). Where flagged items say nothing, three lines "
        f"lie on one another; a gain is the distance of a solid line from its dashed one. "
        f"Above, how many items. {WHISKERS}",
    )
}
