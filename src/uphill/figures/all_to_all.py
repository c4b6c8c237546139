"""Figures of the all-to-all experiment."""

from uphill.figures.figure import Figure

FIGURES = {
    "all_to_all_by_hardness": Figure(
        "all_to_all_by_hardness",
        "accuracy_by_hardness",
        "Accuracy against the hardness of the test items by each variable, without supervision and after training on "
        "items of any difficulty. Bars stand for values, points joined by lines for the middles of equally wide "
        "ranges; whiskers and bands are intervals over test items and training draws. A value with fewer than 50 "
        "items says how many.",
        {"train_on": "all"},
    )
}
