"""The figure of certainty against correctness."""

from uphill.figures.figure import Figure

FIGURES = {
    "certainty": Figure(
        "certainty",
        "certainty",
        "How often the text that most of a model's texts agree with is right, by the share that do: on the dashed line "
        "a model is right as often as it is certain, below it is surer than it is right. Above, how many items. "
        "Whiskers are intervals over items.",
    )
}
