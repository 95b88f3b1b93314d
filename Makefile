# Everything here sets up what it needs first. `make` alone prints this list.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench lab selftest soak docs constraints clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make .venv with everything in it
	@:

demo: $(READY) ## play early replies against a broken server and a healthy one, and show what was lost
	@$(BIN)/entrega demo

# Four processes, dealt out by file: many tests play runs and mostly wait, so that two cores are busy for nine tenths of
# the time; more at once would starve each other. In the order of their names, since by number of tests the files that
# play the longest would come last.
test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -q --durations=10 --numprocesses=4 --dist=loadfile --no-loadscope-reorder

check: $(READY) ## format, lint, types, who imports whom, lines per house
	@$(BIN)/ruff format --check --quiet . || { echo 'mend it: $(BIN)/ruff format .' >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tests.lines

bench: $(READY) ## print measurements; WHAT=name for one of them
	@$(BIN)/python -m tests.bench $(WHAT)

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

selftest: $(READY) ## break the bundled server in every known way and see each found by its cause
	@$(BIN)/entrega selftest

soak: $(READY) ## 20 healthy runs of every scenario, and a bad day of 20 minutes; ROUNDS=n for another number
	@$(BIN)/entrega selftest --soak $(if $(ROUNDS),--rounds $(ROUNDS))

docs: $(READY) ## write the generated pages of docs/ anew
	@$(BIN)/python -m tests.docs

# For the oldest 3.11: some packages leave out 3.11.2, which is Debian 12's.
constraints: $(READY) ## renew constraints.txt: the newest versions that fit together
	@$(BIN)/uv pip compile --quiet --upgrade --python-version 3.11 --no-header --no-annotate --extra dev -o constraints.txt pyproject.toml

clean: ## remove .venv and everything that can be made again; runs/ stays
	@rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs in seconds what takes pip a minute or two; where it cannot be had, or does not get through, pip does it.
# Unlike pip, uv does not read pip's own settings, so a mirror that only those name is such a case. Compiled at once:
# where PYTHONDONTWRITEBYTECODE is set, as in many images, every process of every run would do so anew.
$(READY): export UV_SYSTEM_CERTS = 1
$(READY): export UV_COMPILE_BYTECODE = 1
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'entrega needs Python 3.11 or newer; name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11' >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'this Python comes without its venv module; mend it: apt-get install python3-venv' >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo 'making .venv' && $(PYTHON) -m venv --clear .venv; }
	@echo 'installing entrega and its tools into .venv'
	@{ $(BIN)/python -m pip install -qq --disable-pip-version-check uv \
		&& $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'; } \
		|| { echo 'uv did not get through; pip does it, which takes a minute or two' \
		&& $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'; }
	@touch $@
