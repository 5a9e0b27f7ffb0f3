# newsgraph: `make serve` and `make test` are all a newcomer needs; the rest is for developers.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FOLDER := $(or $(NEWSGRAPH_FOLDER),seeds)

GRAPHIQL := gql/static/index.html
GRAPHIQL_SOURCES := $(shell find gql/graphiql -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: serve test check lint types graphiql lock clean

serve: $(VENV)/.installed ## make the environment, load the seeds (or NEWSGRAPH_FOLDER), serve
	@.ci/graphiql
	$(BIN)/newsgraph serve $(FOLDER)

test: $(VENV)/.installed-dev ## make what the tests need and run them all
	@.ci/graphiql
	@.ci/audits
	$(BIN)/python -m pytest

check: lint types test ## all that CI asks for

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev
	$(BIN)/mypy

graphiql: $(GRAPHIQL) ## bundle GraphiQL (needs Node)

$(GRAPHIQL): $(GRAPHIQL_SOURCES)
	cd gql/graphiql && npm ci --no-audit --no-fund && npm run build

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

clean:
	rm -rf $(VENV) gql/static gql/graphiql/node_modules tests/audits/node_modules tests/realtime/node_modules
