"""Identity of files that a user brings: data, and a model's folder."""

import functools
from pathlib import Path

from uphill.errors import UphillError
from uphill.identity.checkpoints import deciding_files
from uphill.identity.contents import content
from uphill.identity.specs import digest


@functools.cache
def file_digest(path: str) -> str:
    """Identity of a data file: its content.

    Raises:
        UphillError: there is no such file.
    """
    return _content(Path(path), "a data file")[:16]


@functools.cache
def folder_digest(folder: str, code: bool = False) -> str:
    """Identity of a local model: names and whole contents of the files that can change a number.

    Those are its config, its weights, wherever an index points, its vocabulary and its chat templates. A model card is
    none, and no generation config: settings of this project alone say how answers are written.

    Args:
        folder: the model's.
        code: whether code that comes with the model runs. It may open any file, so that all but cards count.

    Raises:
        UphillError: there is no such folder, or a file of the model cannot be read or lies outside it.
    """
    if not Path(folder).is_dir():
        raise UphillError(f"{folder}: no such folder, expected a model")
    return digest({name: _content(path, "a model's file") for name, path in deciding_files(Path(folder), code).items()})


def _content(path: Path, expected: str) -> str:
    try:
        return content(path)
    except OSError as error:
        raise UphillError(f"{path}: cannot be read ({error.strerror}), expected {expected}") from None
