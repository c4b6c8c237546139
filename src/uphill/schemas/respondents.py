"""Respondents of a panel: who answered, how it was trained, and what its answers are worth, a respondent a row."""

from uphill.schemas.contract import BOOL, FLOAT, INT, TEXT, Contract, columns

TRAINED = ("method", "experiment", "variable", "train_dataset", "train_on", "labels")
"""Empty of a model that answered as it is."""
RESPONDENTS = Contract(
    "respondents",
    columns(
        {
            "respondent": TEXT,
            "model": TEXT,
            **dict.fromkeys(TRAINED, TEXT),
            **dict.fromkeys(("boot", "n_train", "n_answers"), INT),
            **dict.fromkeys(("noise_p", "share", "accuracy", "chance", "p_chance"), FLOAT),
            "at_chance": BOOL,
            **dict.fromkeys(("ability", "information", "rest"), FLOAT),
        },
        # Of one that answers nothing there is no accuracy, and no chance to hold it against; of one whose answers are
        # all alike, or that answers alone, there is no correlation with others.
        nullable=["accuracy", "chance", "p_chance", "information", "rest"],
    ),
    key=("respondent",),
)
