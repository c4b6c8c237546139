#!/bin/sh
# Fill the conda environment that is active from the lock that all ways share. Run from the checkout.
# A relative `-r` inside conda.yaml would not do: Snakemake makes environments from copies of such files elsewhere.
set -eu
python -m pip install --disable-pip-version-check -r "${UPHILL_LOCK:-envs/cpu.lock}"
python -m pip install --disable-pip-version-check --no-build-isolation --no-deps --editable .
