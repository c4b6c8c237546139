"""Figures of the cross-difficulty experiment."""

from uphill.figures.figure import Figure

FIGURES = {
    "cross_difficulty": Figure(
        "cross_difficulty",
        "gain_grid",
        "Gain over no supervision, in points, by the level trained on (down) and the level tested (across), "
        "from easy to hard; blue is a gain, red a loss, white none. In brackets where the interval holds 0; the "
        "diagonal, trained and tested on one level, is framed.",
    )
}
