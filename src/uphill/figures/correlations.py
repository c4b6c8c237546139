"""The figure of the rank correlations of a dataset's hardness variables."""

from uphill.figures.figure import Figure

FIGURES = {
    "correlations": Figure(
        "correlations",
        "correlations",
        "Spearman correlations between hardness variables over the experiment pool; in brackets where the interval "
        "holds 0.",
    )
}
