"""What every command waits for: reading a study loads no library that only jobs need."""

import re
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
IMPORTS = re.compile(r"^    (from uphill(?:\.\w+)* import (?:\w.*|\([^)]*\)))$", re.MULTILINE)


def test_reading_a_study_loads_no_library_of_jobs() -> None:
    imported = IMPORTS.findall((ROOT / "rules/common.smk").read_text())
    assert len(imported) == 7
    code = [
        *imported,
        "import sys, yaml",
        "study = Study(uphill_config.check(yaml.safe_load(open('config/config.yaml'))))",
        "study.check()",
        "assert study.files",
        "print(*sys.modules)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()
