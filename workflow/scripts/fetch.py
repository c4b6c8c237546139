"""Everything that the study reads from the hub, into the hub's cache."""

from huggingface_hub import constants

from uphill.running.job import start
from uphill.workflow.fetching import fetch_all

with start(snakemake) as job:
    fetch_all(job.settings["repositories"])
    print(f"{len(job.settings['repositories'])} repositories are in {constants.HF_HUB_CACHE}. For the run:")
    print(f"export HF_HOME={constants.HF_HOME} HF_HUB_OFFLINE=1")
