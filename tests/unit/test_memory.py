"""What readers of hidden states hold in memory, against the size of the states."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from uphill.config.hardware import Hardware
from uphill.schemas.files import write_arrow
from uphill.schemas.responses import RESPONSES

ITEMS, CHOICES, WIDTH = 1600, 4, 8192
STATES = ITEMS * CHOICES * WIDTH * 2
"""Bytes of float16: some 100 MB."""

PEAK = """
import json, sys
from pathlib import Path
import numpy as np
{imports}
from uphill.engine.passes import ResponseTable

def most():
    # Not ru_maxrss, which a process inherits from the one that starts it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = most()
{work}
print(json.dumps({{"before": before, "after": most()}}))
"""
READ = "table = ResponseTable.read(sys.argv[1:])\nassert table.states.dtype == np.float16 and table.states[-9:].all()"
SCORES = "assert ResponseTable.read(sys.argv[1:], states=False).states.size == 0"
PROBE = """
import torch
torch.set_num_threads(1)
from uphill.engine.probes import Features, fit_probes
from uphill.engine.probe_recipe import ProbeRecipe
table = ResponseTable.read(sys.argv[1:])
rows = [np.arange(start, start + 160) for start in range(0, 1600, 160)]
gold = [np.zeros(160, dtype=np.int64)] * 10
fitted = fit_probes(Features(table.states, table.exists), rows, gold, [(n,) for n in range(10)], ProbeRecipe(epochs=2))
assert np.isfinite(fitted.all_probabilities(table.states, table.exists)).all()
"""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The states of a large model for some thousand items, in two files; noise, which does not shrink on disk."""
    folder, found = tmp_path_factory.mktemp("responses"), []
    for number in range(2):
        rng, rows = np.random.default_rng(number), ITEMS // 2 * CHOICES
        states = rng.standard_normal(rows * WIDTH, dtype=np.float32).astype(np.float16)
        table = pa.table(
            {
                "item_id": np.repeat([f"i{number}-{item}" for item in range(ITEMS // 2)], CHOICES),
                "choice_idx": np.tile(np.arange(CHOICES), ITEMS // 2),
                "logprob": rng.standard_normal(rows),
                "n_tokens": np.ones(rows, dtype=np.int64),
                "n_chars": np.ones(rows, dtype=np.int64),
                "state": pa.FixedSizeListArray.from_arrays(pa.array(states), WIDTH),
            }
        )
        found.append(folder / f"shard-{number}.parquet")
        write_arrow(table, found[-1], RESPONSES, {"id": "pass"})
    return found


def peak(shards: list[Path], work: str, imports: str = "") -> float:
    """The most memory that a process of its own takes beyond its libraries, over the size of the states."""
    code = PEAK.format(imports=imports, work=work)
    done = subprocess.run([sys.executable, "-c", code, *map(str, shards)], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return (told["after"] - told["before"]) * 1024 / STATES


@pytest.mark.parametrize(
    ("work", "imports", "most"),
    [
        pytest.param(READ, "", 1.6, id="read"),
        pytest.param(SCORES, "", 0.5, id="scores alone"),
        pytest.param(PROBE, "import torch", 2.5, id="fit probes", marks=pytest.mark.nightly),
    ],
)
def test_states_are_held_once(shards: list[Path], work: str, imports: str, most: float) -> None:
    found = peak(shards, work, imports)
    print(f"{found:.2f} times the states")
    assert found < most


def test_memory_is_asked_for_by_the_size_of_files_within_the_limits(shards: list[Path]) -> None:
    size = sum(path.stat().st_size for path in shards) / 2**20
    paths = [*map(str, shards), "not/made/yet.parquet"]
    asked = Hardware.model_validate({"cpu": {"mem_mb": 100}, "states_memory": 3.0, "limits": {"mem_mb": 900}})
    first = asked.asked_to_read(paths, 1)
    assert first == pytest.approx(3 * size, abs=1)
    assert [asked.asked_to_read(paths, attempt) for attempt in (2, 3)] == [2 * int(first), 900]
    assert asked.asked_to_read([], 1) == 100
    assert asked.asked_to_read([], 2) == 200
