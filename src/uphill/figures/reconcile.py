"""Figures of what two readings make of the same cells."""

from uphill.figures.figure import Figure

FIGURES = {
    "reconcile": Figure(
        "reconcile",
        "readings",
        "Gain over no supervision on the hardest items against the level trained on, a line a budget, a panel a scale. "
        "A filled mark is better than none and, within the margin, as good as the hardest level: the reading of Hase "
        "et al. (2024), for which lines are flat. A cross is, within the margin (grey), no better than none though the "
        "hardest level is: the reading of Kordi et al. (2025), for which lines fall to 0. A mark of neither kind is "
        "between the two, or the data cannot tell. Whiskers are intervals over test items and training draws.",
    ),
    "gap": Figure(
        "gap",
        "gap",
        "Gain over no supervision by how many levels below the tested one are trained on: thin, a line a tested level; "
        "thick with a band, their mean. Dashed, what training on the tested levels themselves gains for the same "
        "items. Where the mean is as good as that, within the margin, its mark is filled; the red line stands where it "
        "is worse by more than the margin for the first time: there easy data stops being enough. Bands are intervals "
        "over test items and training draws.",
    ),
}
