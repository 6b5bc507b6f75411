# Concord's two commands are `make demo` and `make test`; both set up what they need. `make help` lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: help setup demo test quick fuzz check fix chaos bench bench-line bench-sandbox bench-identity bench-match bench-live clients docs serve lock coverage verify

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## make .venv with everything pinned in requirements/dev.txt, and .venv/bin/concord

.venv/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Concord needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 setup" >&2; exit 2; }
	@echo "setting up .venv (once; about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the main job on two sandboxes: reconciliation, then live sync both ways
	@$(BIN)/concord demo

# The purely pure: these alone must cover every branch of core.
PURE := tests/core tests/laws/test_merge_laws.py tests/laws/test_record_laws.py tests/laws/test_one_door.py

test: setup clients ## all tests, core's coverage, and the house rules
	@$(BIN)/python -m pytest -n 2 $(addprefix --ignore=,$(PURE))
	@$(MAKE) --no-print-directory coverage check

quick: setup ## the tests that take seconds
	@$(BIN)/python -m pytest -n 2 -m "not slow"

fuzz: setup ## the public addresses for long: CONCORD_FUZZ times (20) what `make test` sends them
	@CONCORD_FUZZ=$${CONCORD_FUZZ:-20} $(BIN)/python -m pytest --timeout 3600 tests/web/test_fuzz.py tests/web/test_fuzz_described.py

chaos: setup ## everything breaks at once: RUNS=500 random runs, real processes, a million waiting notices (docs/chaos.md); SEED=n: one run again
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED),--runs $(or $(RUNS),500))
	@$(if $(SEED),,$(BIN)/python -m pytest -s -m chaos tests/chaos)

coverage: setup ## 100 % of core's branches, by core's own tests and the laws
	@$(BIN)/python -m coverage run -m pytest -p no:cacheprovider $(PURE)
	@$(BIN)/python -m coverage report

check: setup ## ruff, mypy, the borders between the rings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## the first numbers: changes a second, calls a change, latency
	@$(BIN)/concord bench

docs: setup ## write the generated parts of docs/ anew
	@$(BIN)/python docs/generate.py

serve: setup ## run Concord with ./concord.yaml
	@$(BIN)/concord serve

lock: setup ## compile the pinned requirements anew from pyproject.toml
	@cd requirements && for set in "run --extra build" "dev --extra build --extra dev" "identity --extra build --extra dev --extra identity"; do \
		name=$${set%% *}; ../$(BIN)/uv pip compile ../pyproject.toml $${set#* } --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet -o $$name.txt; done

clients: tests/clients/node_modules/.ready ## the JavaScript clients that drive the sandboxes in tests (where Node 20 is)

tests/clients/node_modules/.ready: tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo "npm is not on this machine: the tests with JavaScript clients will be skipped" >&2; exit 0; }; \
	cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.ready || \
	echo "the JavaScript clients could not be installed: their tests will be skipped" >&2

verify: setup ## check the facts about the vendors against real accounts (docs/verified.md says how)
	@$(BIN)/python -m pytest tests/verified -m verified

bench-line: setup ## what a change costs Concord itself in processor time, by the line's steps
	@$(BIN)/python bench/line.py

bench-sandbox: setup ## how many calls a second the sandboxes answer
	@$(BIN)/python bench/sandbox.py

bench-identity: setup .venv/.identity ## who is who: precision, recall and calibration beside Splink and an e-mail join (6 minutes)
	@$(BIN)/python -m bench.identity

bench-match: setup ## `concord match` on two files of up to a million people: seconds and memory (about 8 minutes)
	@$(BIN)/python -m bench.match

bench-live: setup ## one new record against a million known ones, as the line matches it (ten minutes, most of it loading)
	@$(BIN)/python -m bench.live

.venv/.identity: requirements/identity.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/identity.txt
	@touch $@
