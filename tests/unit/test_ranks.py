"""A fit of all weights in two processes (gloo, on a CPU) is that of one; failures of a process are told apart."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_models import write_model
from test_text_training import KEY, prompts, recipe, weights

from uphill.engine import ranks
from uphill.engine.loading import Loaded, load
from uphill.engine.text_training import TextFits
from uphill.errors import UphillError


def opened(folder: Path) -> Loaded:
    entry = {"path": str(folder), "dtype": "float32", "quantization": None, "trust_remote_code": False}
    return load(entry, pack_tokens=4096)


@pytest.fixture
def own(tmp_path: Path) -> Loaded:
    write_model(tmp_path / "model", "llama")
    return opened(tmp_path / "model")


def test_twenty_updates_of_two_processes_are_those_of_one(own: Loaded, tmp_path: Path) -> None:
    asked, found = recipe(updates=20), []
    for count in (1, 2):
        fits = TextFits(own, asked, ranks=count, packed=count == 2)  # and side by side, or in one row
        fits.rows = 2  # in one process an update is two passes, in two it is one
        with fits.fitted(prompts(), KEY, tmp_path / f"fit-{count}") as (fitted, training):
            found.append((training, weights(fitted.model)))
        assert not (tmp_path / f"fit-{count}").exists()
    (alone, weights_alone), (shared, weights_shared) = found
    assert len(shared.loss) == 20
    assert shared.loss == pytest.approx(alone.loss, abs=1e-3)
    assert shared.loss[-1] < 0.8 * shared.loss[0]
    assert (shared.updates, shared.tokens, shared.cut) == (alone.updates, alone.tokens, alone.cut)
    for name, weight in weights_alone.items():
        torch.testing.assert_close(weights_shared[name], weight, rtol=1e-3, atol=1e-4)


FIT = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_ranks import KEY, TextFits, opened, prompts, recipe
import torch
fits = TextFits(opened(Path({model!r})), recipe(updates={updates}), ranks=2)
fits.kept_every = 0.0
with fits.fitted(prompts(), KEY, Path(sys.argv[1])) as (fitted, training):
    torch.save([fitted.model.state_dict(), training.loss], sys.argv[2])
"""


def begin(model: Path, fit: Path, out: Path, updates: int) -> subprocess.Popen[bytes]:
    here = [str(Path(__file__).parent)]
    script = FIT.format(paths=here, model=str(model), updates=updates)
    return subprocess.Popen([sys.executable, "-c", script, str(fit), str(out)], start_new_session=True)


def of_group(group: int) -> list[int]:
    """Processes that are alive in a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after[2]) == group and after[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.nightly
def test_a_job_that_is_killed_leaves_no_process_and_goes_on_to_the_same_bytes(own: Loaded, tmp_path: Path) -> None:
    updates = 200
    assert begin(tmp_path / "model", tmp_path / "whole", tmp_path / "whole.pt", updates).wait() == 0
    job = begin(tmp_path / "model", tmp_path / "fit", tmp_path / "found.pt", updates)
    until = time.monotonic() + 120
    while not list((tmp_path / "fit").glob("checkpoint-*")):
        assert job.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGKILL)
    job.wait()
    while of_group(job.pid):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert not (tmp_path / "found.pt").exists()
    assert begin(tmp_path / "model", tmp_path / "fit", tmp_path / "found.pt", updates).wait() == 0
    (whole, losses), (found, again) = (torch.load(tmp_path / f"{name}.pt") for name in ("whole", "found"))
    assert losses == again
    assert all(torch.equal(whole[name], found[name]) for name in whole)


def test_memory_that_ends_in_a_process_is_out_of_memory_here(own: Loaded, tmp_path: Path) -> None:
    def failing(folder: Path, count: int) -> None:
        (folder / ranks.FULL).touch()
        real(folder, count)

    real = ranks._run
    fits = TextFits(own, recipe(updates=1), ranks=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "_run", failing)
        patch.setattr(ranks.subprocess, "Popen", ended(1))
        with (
            pytest.raises(UphillError, match="alone does not fit the device's memory"),
            fits.fitted(prompts(), KEY, tmp_path / "fit"),
        ):
            pass
    assert (fits.rows, fits.checkpointing) == (1, True)


def test_a_process_that_fails_ends_the_fit_in_one_line(own: Loaded, tmp_path: Path) -> None:
    before = weights(own.model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks.subprocess, "Popen", ended(1))
        with (
            pytest.raises(UphillError, match=r"a fit in 2 processes failed \(exit status 1\)"),
            TextFits(own, recipe(updates=1), ranks=2).fitted(prompts(), KEY, tmp_path / "fit"),
        ):
            pass
    assert all(torch.equal(before[name], weight) for name, weight in weights(own.model).items())


def ended(code: int) -> Any:
    """A process that has ended with a code."""

    class Ended:
        def __init__(self, command: list[str]) -> None:
            assert command[0] == sys.executable

        def __enter__(self) -> "Ended":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait(self) -> int:
            return code

        def terminate(self) -> None:
            pass

    return Ended


@pytest.mark.parametrize(("items", "asked", "found"), [(4, 2, 2), (4, 8, 4), (3, 2, 1), (6, 4, 2)])
def test_processes_are_as_many_as_divide_an_update(own: Loaded, items: int, asked: int, found: int) -> None:
    fits = TextFits(own, recipe(batch_items=items), ranks=asked)
    assert (fits.ranks, fits.rows) == (found, items // found)
    assert TextFits(own, recipe(adapter={"r": 4, "alpha": 8}), ranks=asked).ranks == 1
