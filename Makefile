# Everything is done through these targets; CI calls only them. Needs Python 3.11+, pip and make.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
export UV_PYTHON ?= $(PYTHON)
# Dozens of processes start here; without bytecode each would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo up down test test-fast lint format protos dashboards bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# pip brings uv into this folder only; uv brings the rest, as uv.lock pins it.
$(UV):
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-warn-script-location --target .tools uv==$(UV_VERSION)

.venv/.ready: $(UV) pyproject.toml uv.lock
	$(UV) sync --frozen --all-extras --quiet
	touch $@

setup: .venv/.ready ## install everything into .venv, as uv.lock pins it

demo: setup ## show it: real Kafka, real services, recorded frames (ARGS="--once --json")
	@$(BIN)/presence demo $(ARGS)

up: setup ## start broker, scoring and gateway; Ctrl-C stops them
	@$(BIN)/presence up $(ARGS)

down: setup ## stop what `up` started
	@$(BIN)/presence down

test: setup lint ## everything that CI runs
	$(BIN)/pytest -n 4 --no-loadscope-reorder $(ARGS)

test-fast: setup ## the tests that need no broker
	$(BIN)/pytest -n 2 tests/unit tests/property tests/golden $(ARGS)

lint: setup ## ruff, mypy, import contracts, buf, alerts, drift of generated code, bandit, pip-audit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/buf breaking protos --against protos/released.binpb
	protos/check-drift.sh
	$(BIN)/python deploy/grafana/dashboards.py --check
	deploy/prometheus/check.sh
	$(UV) lock --check --quiet
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml services
	./audit.sh

bench: setup ## measure, as JSON (ARGS="model --json")
	@$(BIN)/presence bench $(ARGS)

format: setup ## let ruff and buf format everything
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/buf format --write protos

protos: setup ## write the generated code of protos/
	protos/generate.sh

dashboards: setup ## write the JSON of Grafana's dashboards
	$(BIN)/python deploy/grafana/dashboards.py

clean: ## remove what setup installed
	rm -rf .venv .tools
