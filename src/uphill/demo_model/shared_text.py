"""Training text that is written once for several trainings: chunks of batches as files, by some processes, in order.

Text is what a training of a small model waits for: one core writes some 600 documents a second, and a GPU reads several
thousand. Trainings of one text may begin while it is being written. The whole of it takes 540 MB.
"""

import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from uphill.demo_model import tokenizer
from uphill.demo_model.train import Batch, Batches, TrainSettings, weighed
from uphill.errors import UphillError

CHUNK = 100
"""Batches a file: five seconds' work of one core."""
PATIENCE = 300.0
"""Seconds without a file that is waited for, after which nobody can be writing it."""


def chunks(settings: TrainSettings) -> range:
    """The numbers of a text's files."""
    return range(-(-settings.steps // CHUNK))


def write_chunk(settings: TrainSettings, folder: Path, chunk: int) -> None:
    """Write one file of the text of `settings` into `folder`, whole or not at all."""
    batches = Batches(settings, tokenizer.build())
    steps = range(chunk * CHUNK, min((chunk + 1) * CHUNK, settings.steps))
    ids, answers = zip(*(batches.written(step) for step in steps), strict=True)
    temporary = folder / f".{chunk}-{os.getpid()}.npz"
    # Bits: an answer is a yes or no a token.
    np.savez(temporary, ids=np.stack(ids), answers=np.packbits(np.stack(answers), axis=-1))
    temporary.replace(_file(folder, chunk))


class SharedBatches(Dataset[Batch]):
    """The batches of `Batches`, from the files of a folder; waits for one that is not there yet.

    Raises:
        UphillError: the folder is gone, or the file does not come.
    """

    def __init__(self, settings: TrainSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self._chunk: int | None = None
        self._ids: NDArray[np.uint8]
        self._answers: NDArray[np.bool_]

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, index: int) -> Batch:
        chunk, place = divmod(index, CHUNK)
        if chunk != self._chunk:
            with np.load(_awaited(_file(self.folder, chunk))) as file:
                self._ids, bits = file["ids"], file["answers"]
            self._answers = np.unpackbits(bits, axis=-1, count=self._ids.shape[-1]).astype(np.bool_)
            self._chunk = chunk
        return weighed(self._ids[place], self._answers[place], self.settings.query_weight)


def _file(folder: Path, chunk: int) -> Path:
    return folder / f"{chunk:05d}.npz"


def _awaited(path: Path) -> Path:
    start = time.monotonic()
    while not path.exists():
        if not path.parent.is_dir() or time.monotonic() - start > PATIENCE:
            raise UphillError(f"{path}: no such part of the training text, expected one that another process writes")
        time.sleep(0.05)
    return path
