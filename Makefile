# The virtual environment is made once, and again only when the lock or the package changes.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
STAMP := $(VENV)/installed
seeds := 5

.DEFAULT_GOAL := help
.PHONY: help install sweep study fair-study ui test faults lint lock bench clean

help:  ## list these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## make .venv with the locked dependencies

# Of an editable install, setuptools warns whatever it is.
$(STAMP): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed, with its venv (Debian: python3-venv); name one: make PYTHON=..."; exit 1; }
	@echo "Installing into $(VENV): about 2 GB, a minute or two, once ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

sweep: install  ## train three noise strengths (7 to 13 minutes on two cores), tracked in MLflow
	@$(BIN)/python -m denoise -m noise=gaussian noise.sigma=0.01,0.1,0.5

study: install  ## re-create the study's two tables and print them beside the published ones
	@$(BIN)/python -m denoise experiment=objective1
	@$(BIN)/python -m denoise experiment=objective2
	@$(BIN)/python -m denoise.study

fair-study: install  ## answer its two questions fairly: 12 settings, 5 seeds each (or seeds=N)
	@$(BIN)/python -m denoise experiment=fair_objective1 seeds=$(seeds)
	@$(BIN)/python -m denoise experiment=fair_objective2 seeds=$(seeds)
	@$(BIN)/python -m denoise experiment=fair_objective2_masking seeds=$(seeds)
	@$(BIN)/python -m denoise.compare --sweep all --where "tags.experiment LIKE 'fair_objective%'"

ui: install  ## browse all runs at http://127.0.0.1:5000
	@$(BIN)/mlflow ui

# Tests run side by side, so each computes in one thread; those of a file share what they make.
test: install  ## run the tests, but for those of make faults
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

faults: install  ## run the tests of faults, all of them: most of an hour, and a table
	@$(BIN)/python -m pytest tests/faults -m "faults or not faults"

# A mirror may answer in the database's place, and know of nothing: that release has vulnerabilities.
AUDIT = $(BIN)/pip-audit --disable-pip --timeout 5 --progress-spinner off
lint: install  ## check format, style and types, and the lock for known vulnerabilities
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@if echo flask==0.5 | $(AUDIT) --no-deps --requirement /dev/stdin 2>&1 | grep -q "^Found"; \
	then $(AUDIT) --require-hashes --strict --requirement requirements.lock; \
	else echo "The database of vulnerabilities cannot be reached: requirements.lock is not audited."; fi

lock: install  ## renew requirements.lock with the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --extra dev --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --output-file requirements.lock

bench: install  ## print the speed and memory figures of the README
	@$(BIN)/python benchmarks/speed.py

clean:  ## remove .venv and caches; runs and data stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info
