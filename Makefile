# Every target sets itself up: from a fresh clone, `make demo` or `make test` is all there is to type.
# Python 3.11, 3.12 or 3.13 is needed; say which with `make demo PYTHON=/path/to/python`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
SEEDS ?= 0 1 2
DATA ?= data
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

# The first interpreter that is new enough and can make virtual environments. It is tried, not just
# looked up: a version manager's shim may stand there for a version that is not installed.
FIND_PYTHON = for p in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	  $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	    2>/dev/null && { echo $$p; exit 0; }; \
	done; exit 1

.PHONY: help
help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# --- set-up: stamps, so that a second run does nothing ----------------------------------------------

$(BIN)/python:
	@python=$$($(FIND_PYTHON)) || { \
	  echo "make: no Python 3.11, 3.12 or 3.13 with the venv module was found."; \
	  echo "Install one (Debian: apt install python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python"; \
	  exit 1; }; \
	echo "setting up $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(BIN)/python -m ensurepip > /dev/null
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[code,data,hub,dev]'
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed-dev ## Set up .venv with everything that development needs

# --- what a newcomer types --------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.installed ## Teach SmolLM2-135M three tasks by pure reinforcement learning (10 minutes)
	$(BIN)/cogitate run configs/demo.toml --resume --report

.PHONY: test
test: $(VENV)/.installed-dev ## The fast test suite
	$(PYTEST)

# --- development ------------------------------------------------------------------------------------

.PHONY: test-slow
test-slow: $(VENV)/.installed-dev ## The slow tests, with the SmolLM2 weights
	$(BIN)/python -m pytest -q -m "slow or needs_smollm2"

.PHONY: lint
lint: $(VENV)/.installed-dev ## Style, format, and which module may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: types
types: $(VENV)/.installed-dev ## The static type check
	$(BIN)/pyright

.PHONY: fmt
fmt: $(VENV)/.installed-dev ## Rewrite the source in the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: golden
golden: $(VENV)/.installed-dev ## Rewrite the snapshots in tests/ after an intended change
	UPDATE_SNAPSHOTS=1 $(BIN)/python -m pytest -q tests/house/test_public_api.py

# --- evidence ---------------------------------------------------------------------------------------

.PHONY: study-r1zero
study-r1zero: $(VENV)/.installed ## The demo over three seeds, a random-reward control, an SFT rival
	$(BIN)/python studies/r1zero.py --seeds $(SEEDS)

.PHONY: study-think
study-think: $(VENV)/.installed ## R1-Zero with think and answer tags: as it is, and after a cold start
	$(BIN)/python studies/think_format.py --seeds $(SEEDS)

.PHONY: study-rewards
study-rewards: $(VENV)/.installed ## Reward models: length bias and its control, the hacking curve and its cure
	$(BIN)/python studies/reward_models.py

.PHONY: study-verifiers
study-verifiers: $(VENV)/.installed-dev ## The verifiers on benchmark files: DATA=folder with math500.jsonl and others
	$(BIN)/python studies/maths_agreement.py --data $(DATA)
	$(BIN)/python studies/code_verification.py --data $(DATA)
	$(BIN)/python studies/language_consistency.py --data $(DATA)

.PHONY: study
study: study-r1zero study-think study-rewards ## The studies that need no data files

.PHONY: bench
bench: $(VENV)/.installed-dev ## Speed beside transformers, TRL and vLLM, into docs/benchmarks.md
	$(BIN)/python bench/run_all.py

.PHONY: clean
clean: ## Remove the environment, caches and build output; runs/ stays
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis src/*.egg-info
	find src tests bench examples studies -name __pycache__ -type d -prune -exec rm -rf {} +
