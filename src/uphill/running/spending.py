"""What this process spends: tokens by what they are for, and the machine that it runs on. Never part of a result.

The job's log says it in one line when the job ends, and the report sums those lines.
"""

import json
import os
import platform
import re
import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

MARK = "spent "
_tokens: Counter[str] = Counter()
_waits: list[float] = []
"""Seconds of each time that this process waited for others."""


def count(what: str, tokens: int) -> None:
    """Add tokens that were `read` (in scored items and in prompts of written answers), `generated` or `trained`."""
    _tokens[what] += tokens


def wait(seconds: float) -> None:
    """Add seconds that this process waited for others, as for a GPU, and which it cost nobody."""
    _waits.append(seconds)


def said() -> str:
    """The line for the log: tokens so far, seconds of waiting, MB of memory at the most, processor and GPUs."""
    own = {"tokens": dict(_tokens), "waited_s": round(sum(_waits), 1), "memory_mb": round(_memory(), 1)}
    return MARK + json.dumps({**own, **hardware()})


def heard(log: str) -> dict[str, Any] | None:
    """What the last such line of a log says, or None where it has none that is whole.

    A line of before waiting and memory were recorded says that there was none.
    """
    lines = [line.partition(MARK)[2] for line in log.splitlines() if f": {MARK}{{" in line]
    try:
        said = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return {"waited_s": 0.0, "memory_mb": 0.0, **said} if said and said.keys() >= {"tokens", *hardware()} else None


def _memory() -> float:
    """MB that this process, or one that it started, held at the most: Snakemake does not see it where it is a fork."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit


def hardware() -> dict[str, Any]:
    """Processor, its cores, and the GPUs that this process used."""
    return {"cpu": _processor(), "cores": os.cpu_count(), "gpus": _gpus()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*: (.+)", cpuinfo.read_text()) if cpuinfo.is_file() else None
    return named[1].strip() if named else platform.processor() or platform.machine()


def _gpus() -> list[str]:
    # A job that has not loaded torch has used no GPU, and one that has not begun with CUDA none either.
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return []
    return [torch.cuda.get_device_name(device) for device in range(torch.cuda.device_count())]
