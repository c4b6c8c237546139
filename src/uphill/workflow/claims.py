"""Whether every file of a study is one thing's: what jobs write, named by what of the config asks for it."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from uphill.errors import UphillError
from uphill.experiments import LEARNING_CURVES, NOISY_LABELS, QUANTIZATION, Row
from uphill.provenance import beside
from uphill.tables.layouts import LAYOUTS
from uphill.workflow.drawings import DRAWINGS, HARDNESS
from uphill.workflow.layout import TABLES, Layout
from uphill.workflow.paths import (
    CORRELATIONS,
    REPORT,
    RESULTS,
    figure_path,
    hardness_path,
    items_path,
    measure_path,
    predictions_path,
    shard_path,
    splits_path,
    table_path,
    wide_path,
)

MOST_BYTES = 255
"""Of one name in any file system of today."""
TEMPORARY = len(".") + len("." + "0" * 32) + len(".damaged")
"""What is put around a name while a file is written, and where it is set aside."""

Claim = tuple[str, str]


def check_claims(layout: Layout) -> None:
    """Every file is one thing's, also where large and small letters are the same, and no file is another's folder.

    Raises:
        UphillError: a file would be two things', or a name is too long for a file.
    """
    owners: dict[str, Claim] = {}
    for path, what in claims(layout):
        _short_enough(path, what)
        other = owners.setdefault(path.casefold(), (path, what))
        if other != (path, what):
            raise UphillError(f"{path}: the file of {what}, and of {other[1]}; expected names that differ, rename one")
    for path, what in list(owners.values()):
        for folder in PurePosixPath(path.casefold()).parents:
            if str(folder) in owners:
                raise UphillError(f"{owners[str(folder)][0]}: the file of {owners[str(folder)][1]}, and a folder of "
                                  f"{what}; expected names that differ, rename one")  # fmt: skip


def _short_enough(path: str, what: str) -> None:
    longest = max(path.split("/"), key=lambda name: len(name.encode()))
    if len(longest.encode()) + TEMPORARY > MOST_BYTES:
        raise UphillError(
            f"{what}: its file {longest[:40]}... has a name of {len(longest.encode())} bytes, expected at most "
            f"{MOST_BYTES - TEMPORARY}; choose shorter names"
        )


def claims(layout: Layout) -> Iterator[Claim]:
    """(file, what asks for it) of every output, log and benchmark file that the study may have."""
    for dataset in layout.tested():
        yield from _made(items_path(dataset), f"items/{dataset}", f"datasets.{dataset}")
        yield from _made(hardness_path(dataset), f"hardness/{dataset}", f"the levels of datasets.{dataset}")
        for measure, model in layout.measure_jobs(dataset):
            by = f" by models.{model}" if model else ""
            record = f"hardness/{dataset}/{measure}{f'/{model}' if model else ''}"
            what = f"hardness.{measure} of datasets.{dataset}{by}"
            yield from _made(measure_path(dataset, measure, model), record, what)
    for model, dataset in layout.response_jobs():
        path = shard_path(model, dataset, 0, layout.config.responses.shards)
        yield from _made(path, f"responses/{model}/{dataset}", f"responses of models.{model} to datasets.{dataset}")
    for row in layout.rows():
        for dataset in row.involved:
            record = f"splits/{dataset}/{row.draw}"
            yield from _made(splits_path(dataset, row.draw), record, _splits(dataset, row))
    for method, model, dataset in layout.prediction_jobs():
        what = f"methods.{method} with models.{model} on datasets.{dataset}"
        yield from _made(predictions_path(method, model, dataset), f"predictions/{method}/{model}/{dataset}", what)
    yield from _summaries(layout)


def _splits(dataset: str, row: Row) -> str:
    own = "" if row.draw == row.variable else f" for {row.experiment}"
    return f"the splits of datasets.{dataset} by {row.variable}{own}"


def _summaries(layout: Layout) -> Iterator[Claim]:
    own = [(name, f"ladders.{name}") for name in layout.config.ladders]
    both = [(f"{CORRELATIONS}{name}", f"the correlations of datasets.{name}") for name in layout.tested()]
    tables = [*TABLES, LEARNING_CURVES, NOISY_LABELS, QUANTIZATION]
    for name, what in [*own, *both, *((name, f"the table {name}") for name in tables)]:
        yield from _made(table_path(name), f"tables/{name}", what)
        yield beside(table_path(name)), what
    yield from _made(table_path("wide/wide"), "tables/wide", "the tables as a paper prints them")
    for name, what in [*own, *((name, f"the layout {name}") for name in LAYOUTS)]:
        yield from ((wide_path(name, kind), what) for kind in ("csv", "tex", "provenance.json"))
    for name, what in [*own, *both, *((name, f"the figure {name}") for name in (*DRAWINGS, HARDNESS))]:
        yield from _made(figure_path(name, "pdf"), f"figures/{name}", what)
        yield figure_path(name, "png"), what
        yield beside(figure_path(name, "png")), what
    yield from _made(REPORT, "report", "the report")


def _made(path: str, record: str, what: str) -> Iterator[Claim]:
    """A job's file, its log and its benchmark file."""
    yield path, what
    yield f"{RESULTS}/logs/{record}.log", what
    yield f"{RESULTS}/benchmarks/{record}.tsv", what
