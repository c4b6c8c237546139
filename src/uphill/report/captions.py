"""What tables and figures are called on the page, and what each shows: as the modules say that they are of."""

from collections.abc import Mapping
from typing import Any

from uphill import registry
from uphill.figures.figure import Figure
from uphill.tables import certainty, correlations, costs, generations
from uphill.tables.table import Table


def of_table(name: str, settings: Mapping[str, Any]) -> tuple[str, str]:
    """A table's heading and caption; one that is called otherwise than in its module says how.

    Args:
        name: the table's.
        settings: of the job that made it.
    """
    if "account" in settings:
        made = {"generations": generations, "certainty": certainty, "costs": costs}[settings["account"]]
        return made.TITLE, made.CAPTION
    if "of" not in settings:
        return f"{correlations.TITLE}: {settings['dataset']}", correlations.CAPTION
    table: Table = registry.load("uphill.tables", settings["of"], "TABLES").TABLES[settings["table"]]
    own = "" if name == settings["table"] else f": {name.replace('_', ' ')}"
    return f"{table.title}{own}", table.caption


def of_figure(settings: Mapping[str, Any]) -> str:
    """A figure's caption, by the settings of the job that made it."""
    figure: Figure = registry.load("uphill.figures", settings["of"], "FIGURES").FIGURES[settings["figure"]]
    return figure.caption
