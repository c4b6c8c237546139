"""What jobs spend: the line that a log gets is the line that the report reads."""

from pathlib import Path

import pytest

from uphill.report.spent import spent
from uphill.running import spending


def test_a_log_is_heard_as_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spending, "_tokens", spending.Counter())
    monkeypatch.setattr(spending, "_waits", [])
    spending.count("read", 30)
    spending.count("read", 12)
    spending.count("generated", 5)
    spending.wait(2.25)
    spending.wait(10)
    log = f"2026-01-01 INFO uphill.running.job: {spending.said()}\n"
    found = spending.heard("first line\n" + log)
    assert found is not None
    assert found["tokens"] == {"read": 42, "generated": 5}
    assert found["waited_s"] == pytest.approx(12.25, abs=0.06)
    assert found["cpu"]
    assert found["cores"] >= 1


def test_a_log_without_the_line_says_nothing() -> None:
    assert spending.heard("INFO uphill.engine: 3 tokens spent {badly}\n") is None


def test_hours_are_summed_by_stage_and_tokens_over_logs(tmp_path: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, seconds, memory in (("predictions/icl/m/d", "1800", "100"), ("predictions/probe/m/d", "5400", "300"),
                                  ("report", "36", "-")):  # fmt: skip
        path = tmp_path / f"benchmarks/{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t0\t0.5\n")
    line = 'INFO uphill.running.job: spent {"tokens": {"read": %d}, "cpu": "C", "cores": 2, "gpus": %s}\n'
    for name, tokens, gpus in (("a", 5, '["G", "G"]'), ("b/c", 7, "[]")):
        path = tmp_path / f"logs/{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(line % (tokens, gpus))
    found = spent(tmp_path)
    assert (found["hours"], found["jobs"]) == (pytest.approx(2.01), 3)
    assert [(stage["name"], stage["jobs"], stage["memory"]) for stage in found["stages"][:1]] == [
        ("predictions", 2, 300)
    ]
    assert found["stages"][0]["hours"] == pytest.approx(2.0)
    assert found["tokens"] == {"read": 12}
    assert found["hardware"] == ["C, 2 cores, 2 x G", "C, 2 cores, no GPU used"]


def test_waiting_is_in_no_hours_but_its_own(tmp_path: Path) -> None:
    """Of each job its own, of one whose log is newer than its benchmark file no more than all, of an old log none."""
    said = ': spent {"tokens": {}, %s"cpu": "C", "cores": 2, "gpus": []}\n'
    jobs = {
        "responses/qwen2.5/a": (3600, '"waited_s": 1800.0, '),
        "responses/qwen2.5/b": (720, '"waited_s": 0.0, '),
        "predictions/icl/m/a": (36, '"waited_s": 999.0, '),
        "predictions/icl/m/b": (360, ""),
    }
    head = "s\tcpu_time\tmax_rss\n"
    for name, (seconds, waited) in jobs.items():
        for path, text in (("benchmarks/{}.tsv", f"{head}{seconds}\t1\t1\n"), ("logs/{}.log", said % waited)):
            file = tmp_path / path.format(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    (tmp_path / "benchmarks/report.tsv").write_text(f"{head}180\t1\t1\n")
    found = spent(tmp_path)
    hours = {stage["name"]: stage["hours"] for stage in found["stages"]}
    assert hours == pytest.approx({"responses": 0.7, "predictions": 0.1, "report": 0.05})
    assert (found["hours"], found["waited"]) == (pytest.approx(0.85), pytest.approx(0.51))


@pytest.mark.parametrize("content", ["", "s\n", "\0\0\0", "s\tcpu_time\n1\n", "a\tb\nc\td\te\n"])
def test_damaged_records_are_left_out_with_a_word(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("benchmarks/icl.tsv", "logs/icl.log"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content + ': spent {"tokens": {"re')
    found = spent(tmp_path)
    assert (found["hours"], found["waited"], found["jobs"], found["hardware"]) == (0, 0, 0, [])
    assert "icl.tsv: not a benchmark file of Snakemake: its job's hours are left out" in caplog.text
