"""The figure of several domains."""

from uphill.figures.figure import Figure

FIGURES = {
    "domains": Figure(
        "domains",
        "domain_grid",
        "Gain over no supervision, in points, by the domain and level trained on (down) and tested (across); blue is a "
        "gain, red a loss, white none. In brackets where the interval holds 0; framed, trained and tested on one "
        "domain and level.",
    )
}
