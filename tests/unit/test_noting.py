"""What a reader should know travels from a pass to the report, through parts, files and provenance."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from uphill.report.cautions import OF_DATA, cautions
from uphill.running import noting
from uphill.running.job import Running
from uphill.running.noting import NOTES, note, noted
from uphill.running.parts import Parts
from uphill.running.provenance import write as write_provenance
from uphill.schemas.files import made_by, write
from uphill.schemas.measures import MEASURE

SOURCE = Path(noting.__file__).parents[1]
BEGINS = re.compile(r'\bnote\(\s*(?:\*\()?f"\{([^}]+)\}')
"""With what a line begins that is noted."""
FRAME = pd.DataFrame({"item_id": ["a"], "variable": ["v"], "value": [1.0], "kind": ["model"]})


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    noting.forget()
    yield
    noting.forget()


def job(*inputs: Path) -> Running:
    spec = {"id": "today", "settings": {}}
    given = {"input": [str(path) for path in inputs], "output": [], "wildcards": None, "resources": None, "threads": 1}
    return Running(SimpleNamespace(**given, params=SimpleNamespace(spec=spec, get=lambda name, other: other)))


def test_lines_are_kept_once_and_in_order() -> None:
    note("b", "a")
    note("b")
    assert noted() == ["a", "b"]
    assert noted(["c", "a"]) == ["a", "b", "c"]


def test_a_job_without_notes_records_none() -> None:
    assert NOTES not in job().made_by


def test_notes_reach_the_report(tmp_path: Path) -> None:
    note("model: padded scoring")
    write(FRAME, tmp_path / "pass.parquet", MEASURE, job().made_by)
    noting.forget()
    # Another process, which reads that file, and makes a table.
    reads = job(tmp_path / "pass.parquet")
    (tmp_path / "table.csv").write_text("x\n1\n")
    write_provenance(tmp_path / "table.provenance.json", reads.made_by, [str(tmp_path / "table.csv")], {})
    page = job(tmp_path / "table.csv", tmp_path / "table.provenance.json")
    assert page.notes == {NOTES: ["model: padded scoring"]}
    (caution,) = cautions({}, page.notes[NOTES])
    assert caution.title == "Models that took a slower way"
    assert caution.cases == ["model: padded scoring."]


def test_what_is_of_the_data_is_under_a_heading_of_its_own() -> None:
    """Each kind of line under one heading, without the word that sorts it; what a model took is under its own alone."""
    found = cautions({}, ["model: padded scoring", *(f"{kind}x of y" for kind in OF_DATA)])
    assert len({caution.title for caution in found}) == len(found) == len(OF_DATA) + 1
    said = sorted(case for caution in found for case in caution.cases)
    assert said == ["model: padded scoring.", *["x of y."] * len(OF_DATA)]


def test_every_note_says_its_kind_or_which_model_it_is_of() -> None:
    begun = [BEGINS.findall(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))]
    found = [first for each in begun for first in each]
    kinds = {name for name, value in vars(noting).items() if value in OF_DATA}
    assert {first for first in found if "name_or_path" not in first} == kinds


def test_an_attempt_that_resumes_says_what_the_first_one_said(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", MEASURE)
    note("model: padded scoring")
    parts.put("one", MEASURE.to_arrow(FRAME, "here"))
    noting.forget()
    table = parts.get("one")
    assert table is not None
    assert table.schema.metadata is None
    assert noted() == ["model: padded scoring"]
    write(FRAME, tmp_path / "made.parquet", MEASURE, job().made_by)
    assert made_by(tmp_path / "made.parquet")[NOTES] == ["model: padded scoring"]
