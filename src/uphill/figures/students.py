"""Figures of models that are trained on labels."""

from uphill.figures.figure import WHISKERS, Figure

FIGURES = {
    "students": Figure(
        "students",
        "students",
        "Accuracy, by test level, of the model that gave labels, of students that were trained on them, and of the "
        "ceiling, the same model on right answers. Over a student stands the performance gap that it recovered, where "
        f"there is a gap. {WHISKERS}",
    )
}
