"""What every command waits for: reading a study loads no library that only jobs need."""

import ast
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


def test_reading_a_study_loads_no_library_of_jobs() -> None:
    rules = (ROOT / "rules/common.smk").read_text()
    # What follows the imports is Snakemake's own language.
    opening = rules[: rules.index("except ModuleNotFoundError")] + "finally:\n    pass\n"
    imported = [ast.unparse(node) for node in ast.walk(ast.parse(opening)) if isinstance(node, ast.ImportFrom)]
    assert any("launch" in line for line in imported)
    code = [
        *imported,
        "import sys, yaml",
        "study = Study(check(yaml.safe_load(open('config/config.yaml'))))",
        "study.check()",
        "assert study.files",
        "print(*sys.modules)",
    ]
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(HEAVY) & set(done.stdout.split()) == set()
