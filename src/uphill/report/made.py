"""With which versions of libraries each table was made, as its provenance records."""

from collections.abc import Iterator, Mapping
from typing import Any

from uphill.identity.specs import SEVERAL
from uphill.report.cautions import Caution

Versions = Mapping[str, str]


def alike(versions: Mapping[str, Versions]) -> list[dict[str, Any]]:
    """Tables that were made with the same versions, together: `tables`, names, and `versions`.

    Args:
        versions: by table.
    """
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for table, made in versions.items():
        found.setdefault(tuple(made.items()), []).append(table)
    return [{"tables": tables, "versions": dict(made)} for made, tables in found.items()]


def caution(versions: Mapping[str, Versions]) -> list[Caution]:
    """The caution that different versions of a library went into the tables, if they did."""
    cases = list(_mixed(versions))
    why = "Results may differ for that alone; to compare them, make the older ones again."
    return [Caution("Made with different versions of libraries", why, cases)] if cases else []


def _mixed(versions: Mapping[str, Versions]) -> Iterator[str]:
    for library in dict.fromkeys(name for made in versions.values() for name in made):
        by_version: dict[str, list[str]] = {}
        for table, made in versions.items():
            by_version.setdefault(made.get(library, "no version on record"), []).append(table)
        if len(by_version) > 1 or SEVERAL in next(iter(by_version)):
            yield "; ".join(f"{library} {version}: {', '.join(tables)}" for version, tables in by_version.items()) + "."
