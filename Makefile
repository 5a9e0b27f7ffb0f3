# newsgraph: `make serve` and `make test` are all a newcomer needs; `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDER := $(or $(NEWSGRAPH_FOLDER),seeds)

# One process more than there are cores, since some tests wait; 0 runs one test after the other.
NUMPROCESSES ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
PYTEST = $(BIN)/python -m pytest --numprocesses $(NUMPROCESSES) --maxprocesses 8 --dist worksteal

GRAPHIQL := gql/web/static/index.html
GRAPHIQL_SOURCES := $(shell find gql/web/graphiql -type f -not -path '*/node_modules/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help serve test test-long check lint types graphiql lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.installed ## load the seeds (or the folder in NEWSGRAPH_FOLDER), and serve them
	@.ci/graphiql
	$(BIN)/newsgraph serve $(FOLDER)

test: $(VENV)/.installed-dev ## run all tests, with few examples of each property
	@.ci/graphiql
	@.ci/audits
	@.ci/clients
	$(PYTEST)

test-long: $(VENV)/.installed-dev ## run all tests, with as many examples as CI
	@.ci/graphiql
	@.ci/audits
	@.ci/clients
	$(PYTEST) --hypothesis-profile long

check: lint types test ## lint, types and tests: run this before a commit

lint: $(VENV)/.installed-dev ## check style and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev ## check types
	$(BIN)/mypy

graphiql: $(GRAPHIQL) ## bundle GraphiQL (needs Node)

$(GRAPHIQL): $(GRAPHIQL_SOURCES)
	cd gql/web/graphiql && npm ci --no-audit --no-fund && npm run build

$(VENV)/.installed: requirements.lock pyproject.toml
	@PYTHON=$(PYTHON) .ci/venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@.ci/system
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --upgrade \
	  --custom-compile-command "make lock" -q -o requirements.lock
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --upgrade --custom-compile-command "make lock" -q -o requirements-dev.lock
	cd clients/python && uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --upgrade --custom-compile-command "make lock" -q -o requirements.lock

clean: ## remove everything that the other commands made
	rm -rf $(VENV) gql/web/static gql/web/graphiql/node_modules
	rm -rf tests/audits/node_modules tests/federation/node_modules tests/realtime/node_modules
	rm -rf clients/node_modules clients/*/node_modules clients/dist clients/*/src/__generated__ clients/*/src/generated
	rm -rf clients/*/src/graphql-env.d.ts clients/python/.venv clients/python/newsgraph_client
	rm -rf seeds/.newsgraph build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find gql store tests -name __pycache__ -type d -prune -exec rm -rf {} +
