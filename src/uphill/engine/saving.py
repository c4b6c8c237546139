"""What is trained, as the files that the loader of all models reads: an adapter's, or a folder of whole weights."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from uphill.engine.text_training import TextFits
from uphill.errors import UphillError
from uphill.identity.checkpoints import CONFIG, TOKENIZER_CONFIG
from uphill.schemas.files import written_whole

ADAPTER_CONFIG = "adapter_config.json"


def save(fits: TextFits, files: Sequence[Path], scratch: Path, texts: Sequence[str]) -> None:
    """Write what is fitted to some files, each of them whole.

    Args:
        fits: inside the block of a fit.
        files: what is to be there: an adapter's config and weights, or a model's config, weights and tokenizer.
        scratch: a folder beside them, which is emptied before.
        texts: what the tokenizer must read as before.

    Raises:
        UphillError: these files alone do not give the tokenizer back, or cannot be written.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    fits.save(scratch)
    names = {file.name for file in files}
    if ADAPTER_CONFIG in names:
        _sort(scratch / ADAPTER_CONFIG)
    else:
        fits.loaded.tokenizer.save_pretrained(scratch, save_jinja_files=False)
    for path in scratch.iterdir():
        if path.name not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    if TOKENIZER_CONFIG in names:
        _check_tokenizer(fits.loaded.tokenizer, scratch, texts)
    for file in files:
        with written_whole(file) as temporary:
            (scratch / file.name).replace(temporary)


def remove_others(files: Sequence[Path]) -> None:
    """Remove what the last training of another kind left: an adapter beside whole weights would be refused."""
    names = {file.name for file in files}
    for name in (ADAPTER_CONFIG, "adapter_model.safetensors", CONFIG, "model.safetensors", "tokenizer.json"):
        if name not in names:
            files[0].with_name(name).unlink(missing_ok=True)


def _sort(path: Path) -> None:
    """Have a config say the same each time: peft writes sets in any order."""
    told = json.loads(path.read_text())
    ordered = {key: sorted(value) if isinstance(value, list) else value for key, value in sorted(told.items())}
    path.write_text(json.dumps(ordered, indent=1) + "\n")


def _check_tokenizer(tokenizer: Any, folder: Path, texts: Sequence[str]) -> None:
    again = AutoTokenizer.from_pretrained(folder)
    same = again.chat_template == tokenizer.chat_template and len(again) == len(tokenizer)
    if not same or again(list(texts))["input_ids"] != tokenizer(list(texts))["input_ids"]:
        raise UphillError(
            f"{tokenizer.name_or_path}: its tokenizer is not the same when it is saved as {folder.name}, expected an "
            "adapter, for which none is saved"
        )
