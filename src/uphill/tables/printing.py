"""The job that prints tables: every tidy one that has a layout, as a paper prints it."""

from collections.abc import Iterable
from pathlib import Path

from uphill import registry
from uphill.running import provenance
from uphill.running.job import Running
from uphill.tables.table import Table
from uphill.tables.wide import wide, write_wide


def write_all(job: Running) -> None:
    """Write each wide table in both formats, and the provenance of both beside them."""
    tidy = {Path(path).stem: path for path in job.input.tidy}
    for name, (source, kind, key) in job.settings["tables"].items():
        made: Table = registry.load("uphill.tables", kind, "TABLES").TABLES[key]
        layout = made.also.get(name, made.layout)
        assert layout is not None, "the plan names prints that there are"
        table, levels = provenance.read_table(tidy[source], job.upstream(tidy[source])), provenance.levels(tidy[source])
        record, csv, latex = (_of(job.output, name, ending) for ending in (provenance.SUFFIX, ".csv", ".tex"))
        write_wide(wide(table, layout, job.settings["unsupervised"], levels), csv, latex)
        provenance.write(record, job.made_by, [csv, latex], provenance.digests([tidy[source]]))


def _of(paths: Iterable[str], name: str, ending: str) -> str:
    return next(path for path in paths if Path(path).name == f"{name}{ending}")
