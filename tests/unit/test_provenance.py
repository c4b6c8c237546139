"""A table or figure is what its provenance speaks of, or is refused in one line."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from uphill.__main__ import app
from uphill.errors import UphillError
from uphill.figures.plots.inputs import read_drawn
from uphill.report.page import _of_today
from uphill.running import provenance
from uphill.tables.printing import write_all

ROOT = Path(__file__).parents[2]
ROWS = pd.DataFrame({"train_on": ["none", "easy"], "accuracy": [0.25, 0.5]})


def table(folder: Path, name: str, rows: pd.DataFrame = ROWS, identity: str = "abc") -> Path:
    path = folder / f"{name}.csv"
    rows.to_csv(path, index=False)
    provenance.write(provenance.beside(path), {"id": identity, "versions": {}}, [str(path)], {})
    return path


def edited(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, 1)


def cut(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


def changed_key(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"sources": {"x": {}}}).encode()


CSV, RECORD = "sgr.csv", "sgr.provenance.json"
DAMAGE: list[tuple[str, Callable[[bytes], bytes], str]] = [
    (CSV, cut, "not what was written"),
    (CSV, lambda content: b"", "not what was written"),
    (CSV, lambda content: content + b"\n", "not what was written"),
    (CSV, lambda content: content[:-1], "not what was written"),
    (CSV, edited(b"0.5", b"0.6"), "not what was written"),
    (CSV, edited(b"0.5", b"0.50"), "not what was written"),
    (CSV, lambda content: content.replace(b"\n", b"\r\n"), "not what was written"),
    (CSV, lambda content: b"\xef\xbb\xbf" + content, "not what was written"),
    (CSV, lambda content: content.decode().encode("utf-16"), "not what was written"),
    (CSV, lambda content: bytes(len(content)), "not what was written"),
    (RECORD, lambda content: b"", "not a provenance"),
    (RECORD, lambda content: content[:-9], "not a provenance"),
    (RECORD, lambda content: bytes(len(content)), "not a provenance"),
    (RECORD, lambda content: b"[1, 2]", "not a provenance"),
    (RECORD, lambda content: b"null", "not a provenance"),
    (RECORD, lambda content: b"{}", "not a provenance"),
    (RECORD, lambda content: b"\xff" + content, "not a provenance"),
    (RECORD, lambda content: b"[" * 100_000, "not a provenance"),
    (RECORD, edited(b"abc", b"abd"), "not what was written"),
    (RECORD, changed_key, "not what was written"),
    (RECORD, edited(b"sgr.csv", b"sgs.csv"), "not what was written"),
]


@pytest.mark.parametrize(("name", "damage", "complaint"), DAMAGE)
def test_a_table_that_is_not_what_was_written_is_refused(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes], complaint: str
) -> None:
    path = table(tmp_path, "sgr")
    pd.testing.assert_frame_equal(provenance.read_table(path), ROWS)
    broken = tmp_path / name
    broken.write_bytes(damage(broken.read_bytes()))
    with pytest.raises(UphillError) as refusal:
        provenance.read_table(path)
    [line] = str(refusal.value).splitlines()
    assert line.startswith(f"{broken}: ")
    assert complaint in line
    assert line.endswith(f"; to have it made again: rm {broken}, then run the workflow again")


@pytest.mark.parametrize("name", [CSV, RECORD])
def test_what_is_missing_is_named(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, "sgr")
    (tmp_path / name).unlink()
    with pytest.raises(UphillError, match=rf"{name}: no such file; run the workflow again to have it made"):
        provenance.read_table(path)


def test_one_table_is_not_taken_for_another(tmp_path: Path) -> None:
    path, other = table(tmp_path, "sgr"), table(tmp_path, "population", ROWS.head(1))
    provenance.read_table(path, "abc")
    with pytest.raises(UphillError, match=r"sgr\.csv: made by another config or by older code"):
        provenance.read_table(path, "of today")
    Path(provenance.beside(path)).write_bytes(Path(provenance.beside(other)).read_bytes())
    with pytest.raises(UphillError, match=r"sgr\.provenance\.json: says nothing of sgr\.csv: it is another file's"):
        provenance.read_table(path)
    path.write_bytes(other.read_bytes())
    with pytest.raises(UphillError, match=r"sgr\.provenance\.json: says nothing of sgr\.csv"):
        provenance.read_table(path)


def test_harmless_white_space_is_no_damage(tmp_path: Path) -> None:
    path = table(tmp_path, "sgr")
    record = Path(provenance.beside(path))
    record.write_text(json.dumps(json.loads(record.read_text()), indent=4))
    pd.testing.assert_frame_equal(provenance.read_table(path), ROWS)


class Named(list[str]):
    """Files as Snakemake gives them: a list, parts of which have names."""

    def __init__(self, **named: Any) -> None:
        super().__init__(path for paths in named.values() for path in ([paths] if isinstance(paths, str) else paths))
        vars(self).update(named)


def job(upstream: dict[str, str], settings: dict[str, Any] | None = None, **files: Any) -> Any:
    return SimpleNamespace(
        upstream=upstream.__getitem__, settings=settings, made_by={"id": "x", "versions": {}}, **files
    )


def test_figures_and_wide_tables_refuse_a_damaged_table(tmp_path: Path) -> None:
    path = table(tmp_path, "sgr")
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(UphillError, match=r"sgr\.csv: damaged or edited"):
        read_drawn({str(path): "abc"})
    printing = job(
        {str(path): "abc"},
        {"tables": {"sgr": ["sgr", "population", "sgr"]}, "unsupervised": {}},
        input=Named(tidy=[str(path)]),
    )
    with pytest.raises(UphillError, match=r"sgr\.csv: damaged or edited"):
        write_all(printing)


def test_a_figure_of_another_table_is_not_shown_beside_this_one(tmp_path: Path) -> None:
    path, figure = table(tmp_path, "sgr"), tmp_path / "figure.png"
    figure.write_bytes(b"drawn")
    drawn = provenance.digests([str(path)])
    provenance.write(provenance.beside(figure), {"id": "fig"}, [str(figure)], drawn)
    page = job({str(figure): "fig"}, input=Named(tables=[str(path)]))
    assert _of_today(page, str(figure)) == b"drawn"
    table(tmp_path, "sgr", ROWS.assign(accuracy=0.75))
    with pytest.raises(UphillError, match=r"figure\.png: made from another .*sgr\.csv than is there today; to have it"):
        _of_today(page, str(figure))
    figure.write_bytes(b"retouched")
    with pytest.raises(UphillError, match=r"figure\.png: damaged or edited"):
        _of_today(page, str(figure))


def test_show_refuses_a_damaged_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/tables"
    folder.mkdir(parents=True)
    path = table(folder, "population")
    path.write_bytes(cut(path.read_bytes()))
    found = CliRunner().invoke(app, ["show"])
    assert isinstance(found.exception, UphillError)
    assert str(found.exception).startswith("results/tables/population.csv: damaged or edited")


def test_nothing_else_reads_a_csv_of_ours() -> None:
    """What reads CSV reads other people's, or Snakemake's own benchmarks."""
    reads = {path.relative_to(ROOT / "src/uphill").as_posix() for path in (ROOT / "src").rglob("*.py")
             if "pd.read_csv(" in path.read_text()}  # fmt: skip
    assert reads <= {"schemas/tables.py", "report/spent.py"}


SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_takes_no_path_from_its_settings(script: Path) -> None:
    """Whatever is opened, read or made into a path comes from the job's inputs and outputs."""
    for call in (node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "read" and ast.unparse(call.func) == "job.read":
            continue  # by the name of an input
        if name in ("Path", "open", "made_by", "read") or name.startswith("read_"):
            where = ast.unparse(call.args[0]) if call.args else ""
            assert not any(word in where for word in ("settings", "params", "spec")), ast.unparse(call)
            assert name in ("start",) or where.startswith(
                ("job.input", "job.output", "job.expected(job.input", "path")
            ), ast.unparse(call)
