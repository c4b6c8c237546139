"""What every command waits for: reading a study loads no library that only jobs need."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "tokenizers",
    "huggingface_hub",
    "datasets",
    "sklearn",
    "scipy.stats",
    "matplotlib",
)
"""Not pandas and pyarrow, which Snakemake itself loads with its executor for SLURM."""
IMPORTS = ("from uphill import config", "from uphill import fetching", "from uphill.errors")


def test_reading_a_study_loads_no_library_of_jobs() -> None:
    rules = (ROOT / "rules/common.smk").read_text()
    imported = [line.strip() for line in rules.splitlines() if line.strip().startswith(IMPORTS)]
    assert len(imported) == len(IMPORTS)
    code = [
        *imported,
        "import sys, yaml",
        "plan = paths.Plan(uphill_config.check(yaml.safe_load(open('config/config.yaml'))))",
        "plan.check()",
        "assert plan.everything()",
        "print(*sys.modules)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()
