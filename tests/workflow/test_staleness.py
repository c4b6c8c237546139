"""Exactly the right things rerun, and a half-finished rerun is never read as a result."""

from collections.abc import Callable
from pathlib import Path

import pytest

REPORT = {"Report"}
TABLES = {"Table population", "Table sgr", "Table accuracy_by_hardness"}
FIGURES = {
    *("Figure population", "Figure population_all", "Figure train_levels", "Figure sgr"),
    "Figure accuracy_by_hardness",
}
PROBES = {"probe with demo on dial", "probe with demo on road"}
REDUCED = TABLES | FIGURES | REPORT


def append(path: str, text: str = "\n# edited\n") -> Callable[[Path], None]:
    """Edit one file without changing what it does."""

    def edit(folder: Path) -> None:
        (folder / path).write_text((folder / path).read_text() + text)

    return edit


def replace(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Change one thing in one file."""

    def edit(folder: Path) -> None:
        content = (folder / path).read_text()
        assert old in content
        (folder / path).write_text(content.replace(old, new))

    return edit


def touch(*paths: str) -> Callable[[Path], None]:
    """Give files a new date and no new content."""

    def edit(folder: Path) -> None:
        for path in paths:
            (folder / path).touch()

    return edit


EDITS = [
    ("nothing", touch(), set()),
    ("touch scripts, modules, results", touch("workflow/scripts/items.py", "src/uphill/schemas.py",
        "results/items/dial.parquet", "resources/demo-model/model.safetensors"), set()),
    ("a document", append("README.md"), set()),
    ("hardware", replace("config/hardware.yaml", "mem_mb: 1800", "mem_mb: 1900"), set()),
    ("a profile", append("profiles/slurm/config.yaml"), set()),
    ("the probe", append("src/uphill/methods/probe.py"), PROBES | {"Table all_to_all"} | REDUCED),
    ("the LoRA recipe", append("src/uphill/engine/adapters.py"), {"lora with demo on dial"} | REDUCED),
    ("a setting of LoRA", replace("config/config.yaml", "lr: 0.002", "lr: 0.003"),
        {"lora with demo on dial"} | REDUCED),
    ("a figure", append("src/uphill/figures/sgr.py"), {"Figure sgr"} | REPORT),
    ("the report's page", append("src/uphill/report/report.html.j2"), REPORT),
    ("the statistics", append("src/uphill/stats/recovery.py"), None),
    ("draws", replace("config/config.yaml", "draws: 10000,", "draws: 9000,"), {"Table all_to_all"} | REDUCED),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "stale"), [case[1:] for case in EDITS], ids=[case[0] for case in EDITS])
def test_an_edit_reruns_what_it_made_stale(demo_copy, edit: Callable[[Path], None], stale: set[str] | None) -> None:  # type: ignore[no-untyped-def]
    edit(demo_copy.folder)
    run = demo_copy.snakemake("--dry-run")
    assert run.status == 0, run.output[-3000:]
    if stale is None:  # whatever reads statistics, and no model
        assert set(run.jobs) > TABLES
        assert not [job for job in run.jobs if " with demo " in job or "Zero-shot pass" in job]
    else:
        assert set(run.jobs) == stale


def test_a_prompt_reruns_its_dataset_only(demo_copy) -> None:  # type: ignore[no-untyped-def]
    changed = replace("config/config.yaml", 'domain: road, n_items: 2000, seed: 12}\n    prompt: "0040"',
                      'domain: road, n_items: 2000, seed: 12}\n    prompt: "0306"')  # fmt: skip
    changed(demo_copy.folder)
    jobs = set(demo_copy.snakemake("--dry-run").jobs)
    assert {"Zero-shot pass of demo over road", "icl with demo on road"} <= jobs
    assert "icl with demo on dial" in jobs  # it is also shown road's examples
    kept = {"Zero-shot pass of demo over dial", "Questions of road", "lora with demo on dial"}
    assert not jobs & kept


def test_tables_refuse_predictions_of_another_config(demo_copy) -> None:  # type: ignore[no-untyped-def]
    """As after a rerun that stopped half-way: old predictions, new config, and somebody who asks for the table only."""
    replace("config/config.yaml", "lr: 0.002", "lr: 0.003")(demo_copy.folder)
    stale = "results/predictions/lora/demo/dial.parquet"
    arguments = ("results/tables/population.csv", "--allowed-rules", "table")
    before = (demo_copy.folder / "results/tables/population.csv").read_bytes()
    run = demo_copy.snakemake(*arguments)
    assert run.status != 0
    assert run.errors == [
        f"error: {stale}: 'num_steps' made by another config or by older code; run the workflow again to remake it"
    ]
    assert before  # what Snakemake removes before a run can be made again; a wrong table can not be unread
    assert not (demo_copy.folder / "results/tables/population.csv").exists()
