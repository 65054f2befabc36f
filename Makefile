# Everything a person needs, each target documented behind ##. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Many Pythons are started here, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install lock run observe pictures trace doctor test check audit format migrate bench bench-load growth clean collector

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Create .venv from requirements.lock (done by the other targets when needed)

$(INSTALLED): requirements.lock setup.cfg pyproject.toml cli/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is %d.%d" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . --editable ./cli
	@touch $@

lock: install ## Resolve setup.cfg anew into requirements.lock (all supported Pythons, with hashes)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile setup.cfg --extra dev --universal --python-version 3.11 --upgrade --quiet \
	  --generate-hashes --no-emit-index-url --no-header --prerelease if-necessary-or-explicit \
	  --output-file requirements.lock

run: install ## Run the service with embedded PostgreSQL and Valkey on 127.0.0.1:$PORT (8080)
	@$(BIN)/python -m local

observe: install collector ## make run with Collector, Prometheus and a place for lines and spans; no Docker
	@$(BIN)/python -m local.observability

pictures: install ## Take README's pictures of /console (needs Chromium)
	@$(BIN)/python -m local.pictures

trace: install ## Make one request of a running make observe; show its log line, trace and metric
	@$(BIN)/python -m local.observability.trace

# make itself answers 2 for whatever fails; doctor's own status is the last line, and that of
# python -m local.doctor.
doctor: install ## Find out what is wrong with a running `make run` (ARGS=--json, …)
	@$(BIN)/python -m local.doctor $(ARGS)

# Most tests wait for processes, so there are more workers than cores; a file stays in one worker.
# Files are begun in the order of tests/conftest.py, not by their number of tests.
test: install ## Run all tests (real PostgreSQL, Valkey and gunicorn; no system package needed)
	$(BIN)/python -m pytest --numprocesses 7 --dist loadfile --no-loadscope-reorder $(ARGS)

check: install ## Lint, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: install ## Look for known vulnerabilities of what requirements.lock pins (needs the Internet)
	@$(BIN)/python -m deploy.audit

format: install ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

migrate: install ## Bring the configured database (POSTGRES_*) to the current schema
	$(BIN)/migrate

clean: ## Remove the environment, caches and the local data
	rm -rf $(VENV) .local .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info cli/build cli/*.egg-info

# COLLECTOR names another one, which is then not built.
collector: $(if $(COLLECTOR),,build/collector) ## Build the pinned OpenTelemetry Collector (needs Go, takes minutes)

build/collector: $(addprefix docker/collector/,main.go go.mod go.sum)
	@command -v go >/dev/null || { echo 'Go builds the Collector: https://go.dev/dl; or give COLLECTOR=/path/to/otelcol-contrib' >&2; exit 1; }
	cd docker/collector && go build -buildvcs=false -o $(CURDIR)/$@ .

.PHONY: faults soak
faults: install ## Run the suites of faults, races and security in their long form (minutes)
	SOAK_SECONDS=$${SOAK_SECONDS:-60} $(BIN)/python -m pytest tests/faults tests/security tests/links -m "long or not long"

soak: install ## Run mixed load for ten minutes (SOAK_SECONDS=600) and look for anything that grows
	SOAK_SECONDS=$${SOAK_SECONDS:-600} $(BIN)/python -m pytest tests/faults/test_soak.py -m "long or not long"

bench: install ## Measure every budget of docs/performance.md against a bare Flask view (some minutes)
	$(BIN)/python -m bench

growth: install ## Measure ten million links against ten thousand (some minutes, 4 GB of disk)
	$(BIN)/python -m bench growth --links 10000000

bench-load: install ## Drive the running service with wrk: workers, threads, faults, a picture
	$(BIN)/python -m bench.load
