"""GPUs of this machine as a resource of Snakemake's, so that jobs wait in its scheduler and not as processes.

Its resources are whole numbers, so what is counted is hundredths of a GPU. The scheduler knows their sum alone; which
job gets which GPU, and what other runs on this machine have taken, is left to leases (`running/devices.py`).
"""

import os
import re
import subprocess
from itertools import takewhile
from typing import Any

RESOURCE = "gpu_percent"
UUID = re.compile(r"^( *)\w+ .*\(UUID: ([\w/-]+)\)", re.MULTILINE)
"""A line of `nvidia-smi -L`; those of a GPU's instances are set in."""


def limit(workflow: Any) -> None:
    """Give a run on this machine as many hundredths of a GPU as CUDA would see, unless it was given some.

    Without a GPU there is no limit: jobs run on the CPU. On a cluster there is none either.

    Args:
        workflow: Snakemake's, whose DAG is not built yet: a job that asks for more than the limit is given the limit.
    """
    if workflow.local_exec and RESOURCE not in workflow.global_resources and (count := visible()):
        workflow.global_resources[RESOURCE] = 100 * count


def visible() -> int:
    """How many GPUs CUDA would see, without the seconds that its library takes to load."""
    found = UUID.findall(_listed())
    gpus, known = [uuid for indent, uuid in found if not indent], [uuid for _, uuid in found]
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return len(gpus)

    def exists(name: str) -> bool:
        if name.isdecimal():
            return int(name) < len(gpus)
        return bool(name) and any(uuid.startswith(name) for uuid in known)

    # As CUDA does: it stops at the first name that it does not know.
    return len({*takewhile(exists, (name.strip() for name in named.split(",")))})


def _listed() -> str:
    """What `nvidia-smi -L` prints; nothing where it is not there or fails."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
