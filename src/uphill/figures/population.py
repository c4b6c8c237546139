"""Figures of the population experiment."""

from uphill.figures.figure import WHISKERS, Figure

FIGURES = {
    "population": Figure(
        "population",
        "population",
        "Accuracy on hard test items (those of the hardest level, whatever its name) without supervision and after "
        f"training on each level. {WHISKERS} Hatched bars are trained on data of another dataset.",
        {"test_on": "hard"},
    ),
    "population_all": Figure(
        "population",
        "population",
        f"As the figure before, but on test items of every level. {WHISKERS}",
        {"test_on": "all"},
    ),
    "train_levels": Figure(
        "population",
        "train_levels",
        "Accuracy on hard test items against the level of the training items: a flat line says that easy data serves "
        f"as well as hard data. Dashed, no supervision. {WHISKERS} Axes differ between panels.",
    ),
    "by_model": Figure(
        "population",
        "by_model",
        "Accuracy on hard test items without supervision and after training on easy and on hard data, model beside "
        f"model in the config's order. {WHISKERS}",
        models=2,
    ),
    "sgr": Figure(
        "sgr",
        "sgr",
        "Supervision Gap Recovered by easy data: 1 (dashed) is as good as hard data, 0 no better than none. Whiskers "
        "hold all ratios that the data allow; arrows stand where they leave the frame, and a bar that leaves it says "
        "its number there. Where no bar stands, the data do not bound the ratio; the square below says whose.",
    ),
    "accuracy_by_hardness": Figure(
        "accuracy_by_hardness",
        "accuracy_by_hardness",
        "Accuracy against the hardness of the test items, without supervision and after training on easy items of the "
        "same dataset. Bars stand for values, points joined by lines for the middles of equally wide ranges; whiskers "
        "and bands are intervals over test items and training draws. A value with fewer than 50 items says how many.",
        {"train_on": "easy"},
    ),
}
