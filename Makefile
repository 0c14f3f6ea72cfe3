# The verbs of this project. `make demo` and `make test` need Python 3.11 or newer with pip, and a C++ compiler.

PYTHON ?= $(firstword $(foreach python,python3 python3.13 python3.12 python3.11,$(shell \
	$(python) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(python))))
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check bench picture screenshot lock clean

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

demo: $(VENV)/run.stamp  ## crawl a small copy of OpenGameArt on this machine, embed it, search it, serve it
	@$(BIN)/python -m tests.demo --serve

test: $(VENV)/dev.stamp  ## run the tests
	@$(BIN)/python -m pytest -m "not bench"

check: $(VENV)/dev.stamp  ## lint, format, types, imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp  ## measure: pages/s, pictures/s per embedder, ms per query
	@$(BIN)/python -m tests.benchmarks

picture: $(VENV)/run.stamp  ## draw the picture of the README from the demo
	@$(BIN)/python -m tests.demo
	@$(BIN)/python -m tests.contact_sheet

screenshot: $(VENV)/dev.stamp  ## take the picture of the page for the README from the demo; needs a Chromium
	@$(BIN)/python -m tests.demo
	@$(BIN)/python -m tests.screenshot

lock: $(VENV)/dev.stamp  ## write the lock files anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra tensorflow --upgrade \
		--custom-compile-command "make lock" -q -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra tensorflow --extra dev \
		-c requirements.txt --custom-compile-command "make lock" -q -o requirements-dev.txt

clean:  ## remove what make has made: the virtual environment, the demo's data, caches
	rm -rf $(VENV) demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with venv and pip was found; name one: make PYTHON=/path/to/python3" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

# The second lock holds the first: whoever tests can also run.
$(VENV)/dev.stamp: requirements.txt requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/run.stamp
