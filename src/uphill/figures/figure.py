"""What a figure is: which table it shows, which plot draws it, and what the report says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WHISKERS = "Whiskers are intervals over test items and training draws."
BANDS = "Bands are intervals over test items and training draws."


@dataclass(frozen=True)
class Figure:
    """How a figure is made; a module of this room has them in `FIGURES`, by name.

    Attributes:
        table: that it draws; the figure is made where the table is.
        plot: the module of uphill/figures/plots that draws it.
        caption: what the report says of it.
        options: how the module's `plot` is asked.
        models: it is made only where so many models are trained alike.
    """

    table: str
    plot: str
    caption: str
    options: Mapping[str, str] = field(default_factory=dict)
    models: int = 0
