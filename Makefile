# One command each, on a fresh machine: make example, make test. The environment is made on the way.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/ready-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: help example dev stack test sweep bench docs docs-serve docs-site functions lint types lock clean

help:
	@echo "make example   build the example project through Dagster, on DuckDB"
	@echo "make dev       open the Dagster UI on the example project"
	@echo "make stack     Postgres, Redis, Dagster, two workers and the API as processes; builds the example project"
	@echo "make test      lint, types and all the tests"
	@echo "make sweep     the property tests and kill tests with many more examples"
	@echo "make bench     measure, and write docs/concepts/benchmarks.md"
	@echo "make docs      write the generated pages of docs/ again"
	@echo "make docs-serve  show the documentation in a browser"
	@echo "make functions write fft_core/engines/*/functions.json again from the engines' catalogs"
	@echo "make lock      resolve requirements.lock again from pyproject.toml"

$(READY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. Set PYTHON=/path/to/python."; exit 1; }
	@echo "Making the environment in .venv (once) ..."
	@rm -f .venv/ready-*
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null 2>&1 || test -x $(BIN)/uv || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@uv=$$(command -v uv || echo $(BIN)/uv); export VIRTUAL_ENV=$(CURDIR)/.venv; \
	{ $$uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock && \
	  $$uv pip install --quiet --compile-bytecode --no-deps --editable .; } || \
	{ echo "uv could not install; trying pip, which takes longer ..."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; }
	@touch $@

example: $(READY)
	@$(BIN)/fft build example_project
	@echo
	@echo "The tables are in example_project/.local/flights.duckdb. Where to look next:"
	@echo "  $(BIN)/python -c \"import duckdb; duckdb.connect('example_project/.local/flights.duckdb').table('main.mart_carrier_performance').show()\""
	@echo "  make dev        the same project in the Dagster UI"

dev: $(READY)
	@$(BIN)/fft dev example_project

# The parts of deploy/compose.yaml without Docker, until Ctrl-C; STACK="--workers 3 --project ../shop --env prod"
stack: $(READY)
	@$(BIN)/python -m tools.stack --build $(STACK)

lint: $(READY)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python tools/prose.py

types: $(READY)
	@$(BIN)/mypy

test: lint types
	@$(BIN)/pytest -n auto
	@echo
	@echo "All checks passed. Next: make example"

# The property tests and kill tests with many more examples; FFT_SWEEP_SEED=1 tries others
sweep: $(READY)
	@FFT_SWEEP=5 $(BIN)/pytest -n auto tests/checks tests/skip tests/increments tests/selection tests/engines tests/spelling tests/streaming tests/serve tests/environments tests/dagster/test_dagster_versions.py

bench: $(READY)
	@$(BIN)/python benchmarks/bench.py --write docs/concepts/benchmarks.md

docs: $(READY)
	@$(BIN)/python -m tools.reference

# The pages as they are, built again after each change of a file
docs-serve: $(READY)
	@$(BIN)/zensical serve --open

# The pages of all versions, as they are published
docs-site: $(READY)
	@$(BIN)/python tools/site.py

functions: $(READY)
	@$(BIN)/python tools/known_functions.py

lock:
	@uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
		--generate-hashes --no-annotate --no-emit-index-url --custom-compile-command "make lock" -o requirements.lock

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
