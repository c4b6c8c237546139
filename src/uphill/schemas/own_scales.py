"""The name of a variable that one model measured for itself: the variable's own, @ and the model's."""

OF = "@"


def own_name(variable: str, model: str) -> str:
    """What the variable is called where it is of one model alone."""
    return f"{variable}{OF}{model}"


def base_of(variable: str) -> str:
    """The variable without the model that it is of, if it is of one; no name of a config has an @."""
    return variable.partition(OF)[0]


def model_of(variable: str) -> str | None:
    """The model that a variable is of; None for a variable of all models."""
    return variable.partition(OF)[2] or None
