"""Training of several sizes side by side: a process a size, which share one GPU and one text."""

import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path

import torch

from uphill.demo_model.making import make
from uphill.demo_model.shared_text import chunks, write_chunk
from uphill.demo_model.train import TrainSettings
from uphill.errors import UphillError

TEXT = "the text"
READERS = 1
"""Processes that take a size's text from its files; one reads a hundred times as fast as a step takes."""


def make_family(sizes: Mapping[str, TrainSettings], out: Path, device: str, workers: int) -> None:
    """Run the recipe of each size, all at once, and put each model into the folder of its name in `out`.

    A size that is done is there, whatever becomes of the others.

    Args:
        sizes: the models by name; but for their shapes, their settings are the same.
        out: where the folders are made.
        device: as of `making.make`.
        workers: processes that write text.

    Raises:
        UphillError: the sizes do not have one text, or some could not be made.
    """
    text = one_text(sizes)
    # A fork of a process that has begun with CUDA cannot use it; this server has not, and imports the libraries once.
    server = get_context("forkserver")
    server.set_forkserver_preload([make.__module__])
    # Not beside `out`: what a killed run leaves there is no result.
    with (
        tempfile.TemporaryDirectory(prefix="uphill-demo-text-") as scratch,
        ProcessPoolExecutor(workers, server, _as_writer) as writers,
        ProcessPoolExecutor(len(sizes), server, _as_one_of, (max(1, workers // len(sizes)),)) as trainers,
    ):
        folder = Path(scratch)
        writing = [writers.submit(write_chunk, text, folder, chunk) for chunk in chunks(text)]
        training = {
            trainers.submit(make, out / name, settings, device, READERS, folder): name
            for name, settings in sizes.items()
        }
        failed = _failures({**dict.fromkeys(writing, TEXT), **training}, folder)
    if failed:
        raise UphillError(f"{', '.join(failed)}: not made, for what is written above; expected to train {len(sizes)}")


def one_text(sizes: Mapping[str, TrainSettings]) -> TrainSettings:
    """The settings that decide the text, which are one for all sizes; their shape is that of the first.

    Raises:
        UphillError: they are not.
    """
    first = next(iter(sizes.values()))
    shape = {name: getattr(first, name) for name in ("layers", "width", "heads", "mlp_width")}
    for name, settings in sizes.items():
        if settings.model_copy(update=shape) != first:
            raise UphillError(f"{name}: settings of its own beside its shape, expected those of {next(iter(sizes))}")
    return first


def _failures(tasks: Mapping[Future[None], str], folder: Path) -> list[str]:
    """What could not be made, each once, said as soon as it is known.

    Where the text in `folder` could not be written, it is taken away, and nobody waits for the rest of it.
    """
    failed: list[str] = []
    for task in as_completed(tasks):
        error = task.exception()
        if error is None or tasks[task] in failed:
            continue
        failed.append(tasks[task])
        print(f"{tasks[task]}: {type(error).__name__}: {error}", flush=True)
        if tasks[task] == TEXT:
            shutil.rmtree(folder, ignore_errors=True)
    return failed


def _as_writer() -> None:
    """A process that writes text gives way to one that trains: those cannot wait for the GPU and for a core."""
    _die_with_parent()
    os.nice(5)


def _as_one_of(threads: int) -> None:
    """A process that trains beside others takes its share of the cores."""
    _die_with_parent()
    torch.set_num_threads(threads)


def _die_with_parent() -> None:
    """A pool whose process is killed would leave its own behind, waiting for work."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
