# Needs Python 3.11 or later, pip and the package index; everything else is made here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

# Compiled programs are kept between runs, so that a second run does not wait for them.
export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax

.PHONY: demo test check lint env clean

demo: $(VENV)/.runtime
	$(BIN)/retrodict run inverse-kinematics --output runs/inverse-kinematics --force

test: check
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

env: $(VENV)/.dev

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis \
		build dist runs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp newer than what it was made from means that the environment is up to date.
$(VENV)/.dev: pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(VENV)/.runtime $@

$(VENV)/.runtime: pyproject.toml constraints.txt $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
