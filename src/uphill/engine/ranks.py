"""A fit of all weights by several processes, one a GPU: they share out weights, gradients and the optimiser's state
(fully sharded data parallel, FSDP2 of accelerate) and the texts of every update.

The texts of an update are those of one process, and so is its loss, up to rounding. On a CPU, which tests it, each
process holds all weights, and they share out the texts only (gloo).
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from uphill.engine.text_examples import Example
from uphill.errors import UphillError

BASE, GIVEN, TRAINED, LOSSES, FULL = "base", "given.json", "trained", "losses.json", "out-of-memory"
HERE = "ranks"


def ranks_for(model: Any) -> int:
    """Processes that can share a fit of a model: one a GPU that it is spread over. Code of its own stays in one."""
    devices = {weight.device for weight in model.parameters() if weight.device.type == "cuda"}
    return max(1, len(devices)) if type(model).__module__.startswith("transformers.") else 1


def fit_in_ranks(
    model: Any,
    texts: Sequence[Example],
    rows: Sequence[int],
    arguments: Mapping[str, Any],
    *,
    packed: bool,
    checkpointing: bool,
    kept_every: float,
    ranks: int,
) -> list[float]:
    """Fit a model, which is left with the weights that were found, and say the loss of each update.

    Args:
        model: in the host's memory or on GPUs, which it leaves while the fit runs.
        texts: training texts.
        rows: the texts in the order that they are read in, by place.
        arguments: of transformers' TrainingArguments; `output_dir` keeps the fit.
        packed: whether the texts of a pass lie in one row.
        checkpointing: whether activations are computed twice, to save memory.
        kept_every: seconds from one time that the fit is kept to the next.
        ranks: processes.

    Raises:
        OutOfMemoryError: a GPU's memory was not enough.
        UphillError: a process failed otherwise.
    """
    folder = Path(arguments["output_dir"]) / HERE
    given = {
        "arguments": dict(arguments),
        "attention": model.config._attn_implementation,
        "packed": packed,
        "checkpointing": checkpointing,
        "kept_every": kept_every,
        "texts": [asdict(text) for text in texts],
        "rows": list(rows),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GIVEN).write_text(json.dumps(given))
    if not (folder / BASE).is_dir():
        whole, own = folder / f".{BASE}", model.generation_config
        # What a model would generate by is asked of nobody here, and some have one that is refused.
        model.generation_config = GenerationConfig()
        model.save_pretrained(whole)
        model.generation_config = own
        whole.replace(folder / BASE)
    with _in_memory(model):
        _run(folder, ranks)
    found = type(model).from_pretrained(folder / TRAINED, dtype=torch.float32, use_safetensors=True)
    weights = dict(found.named_parameters())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weights[name])
    losses: list[float] = json.loads((folder / LOSSES).read_text())
    shutil.rmtree(folder)
    return losses


def _run(folder: Path, ranks: int) -> None:
    command = [sys.executable, "-m", __name__, str(folder), str(ranks)]
    with subprocess.Popen(command) as process:
        try:
            code = process.wait()
        finally:
            # A job that is stopped takes its processes with it; the launcher ends its own.
            process.terminate()
    if (folder / FULL).exists():
        (folder / FULL).unlink()
        raise torch.OutOfMemoryError("a fit on several GPUs")
    if code:
        raise UphillError(f"a fit in {ranks} processes failed (exit status {code}), for what is written above")


@contextmanager
def _in_memory(model: Any) -> Iterator[None]:
    """A model's weights off its GPUs, which others use meanwhile; each goes back to where it was."""
    places = {name: weight.device for name, weight in model.named_parameters()}
    for weight in model.parameters():
        weight.data = weight.data.cpu()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    try:
        yield
    finally:
        for name, weight in model.named_parameters():
            weight.data = weight.data.to(places[name])


def _launch(folder: str, ranks: int) -> None:
    """Start the processes and wait for them; the failure of one ends all."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    from uphill.engine.rank import die_with_parent

    die_with_parent()
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=Path(folder).parent.name,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "uphill.engine.rank", folder)
    except ChildFailedError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    _launch(sys.argv[1], int(sys.argv[2]))
