"""Figures of the weak-to-strong experiment."""

from uphill.figures.figure import Figure

FIGURES = {
    "weak_to_strong": Figure(
        "weak_to_strong",
        "gap_recovered",
        "Performance gap recovered by a strong model that a weak one taught, by the level that it was trained on: 1 "
        "(dashed) is as good as right answers, 0 no better than its teacher. Tested on the hardest items. Whiskers are "
        "paired-bootstrap intervals; arrows stand where one leaves the frame. Soft labels are the teacher's "
        "probabilities, hard ones its answers.",
    )
}
