"""The model of a GGUF file, as a folder that jobs load."""

from pathlib import Path

from uphill.engine.gguf_files import convert_to
from uphill.running.job import start

with start(snakemake) as job:
    made = [Path(path) for path in job.output]
    convert_to(made, Path(job.input.gguf[0]), job.settings["dtype"], job.scratch_of(job.spec["id"]))
