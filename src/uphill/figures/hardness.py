"""The figure of the hardness tables themselves."""

from uphill.figures.figure import Figure

FIGURES = {
    "hardness": Figure(
        "hardness",
        "hardness",
        "How many items have which value of each hardness variable, in the colour of the level that they are cut to. "
        "A variable that is the same for all items is not shown.",
    )
}
