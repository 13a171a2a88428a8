# Each target sets up what it needs; a fresh machine wants Python 3.11 or newer and nothing else.
PYTHON ?= python3
EXTRAS ?= dev
ARGS ?=
BIN := .venv/bin

export EXTRAS

.DEFAULT_GOAL := help
.PHONY: help demo test check format lock bench clean venv

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: venv ## Run KILO on real photos (PHOTOS=folder: your own; ONCE=1: do the job and stop)
	@$(BIN)/kilo demo

test: venv ## Run every test (ARGS='-k upload -x' goes to pytest)
	@lanes=$$($(BIN)/python tools/setup_lanes.py) && $(BIN)/python -m pytest -q -m "$$lanes" $(ARGS)

check: venv ## Format, lint, types, and the tests that hold the house rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/house

format: venv ## Put the code in the house format, mending what ruff can mend
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format .

lock: venv ## Write constraints.txt again (ARGS='--upgrade' or '--upgrade NAME' for newer versions)
	@$(BIN)/python tools/lock.py $(ARGS)

bench: venv ## Measure (ARGS names the benchmarks)
	@$(BIN)/python -m bench $(ARGS)

clean: ## Remove .venv and the tools' caches; photos and databases stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@$(PYTHON) tools/setup_venv.py
