# Everything a person does with TaskFlow on one machine. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
ROLLOUT := tests/releases/test_side_by_side.py
PAGE := web/out/index.html
PAGE_SOURCES := $(shell find web/src web/public web/build -type f 2>/dev/null) web/package-lock.json web/next.config.ts

.PHONY: help run test test-platform test-web check infra bench minikube lock

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: .venv/ready ## start everything; the page is at http://localhost:8080
	@$(MAKE) --no-print-directory -s $(PAGE) || echo "TaskFlow starts without its page."
	@$(BIN)/python -m local up

$(PAGE): .venv/ready $(PAGE_SOURCES)
	@web/build/page.sh

test: .venv/ready ## all tests, on real PostgreSQL and Kafka
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rs \
		--ignore=tests/platform --ignore=tests/infra --ignore=$(ROLLOUT)

test-platform: .venv/ready ## the last release and this one side by side; real Dapr and KEDA, where they are
	@$(BIN)/python -m pytest -rs tests/platform $(ROLLOUT)

test-web: $(PAGE) ## every story of the page, in Chromium on the whole system
	@web/build/page.sh --include=dev
	@$(BIN)/python -m pytest -rs tests/web/stories.py

check: .venv/ready ## ruff, mypy, import contracts, wiring
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/test_wiring.py

infra: .venv/ready ## the ground: manifests, Terraform, workflows, rules; fetches its checkers once
	@$(BIN)/python -m tests.infra.tools
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/infra

bench: .venv/ready ## measure the running system against its bounds
	@$(BIN)/python -m bench

minikube: ## everything on a cluster of one node: operators, image, functions
	@infra/kubernetes/minikube/up.sh

lock: .venv/ready ## resolve the dependencies anew, with hashes
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile --universal --generate-hashes --group dev pyproject.toml \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -q -o requirements.lock

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("TaskFlow needs Python 3.11 or newer; this is %d.%d. Say make PYTHON=python3.12, say." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing TaskFlow's packages into .venv (once, a minute or two)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m compileall -q taskflow functions gateway local
	@touch $@
