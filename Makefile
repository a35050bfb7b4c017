# Everything runs from any folder, without Docker, Java, root or an account, except where a target says so.
.DEFAULT_GOAL := help
SHELL := /bin/bash
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
VENV := $(ROOT)/.venv
TOOLS := $(ROOT)/.tools
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
EVENTS ?= 20000

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(ROOT)/Makefile | sed 's/:.*## /|/' | column -t -s '|'

setup: $(VENV)/.complete ## install everything into .venv, from the hashed locks

$(TOOLS)/bin/uv:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(VENV)/.complete: $(TOOLS)/bin/uv $(ROOT)/requirements/dev.lock $(ROOT)/pyproject.toml
	cd $(ROOT) && $(TOOLS)/bin/uv venv --quiet --clear --python $(PYTHON) $(VENV)
	cd $(ROOT) && VIRTUAL_ENV=$(VENV) $(TOOLS)/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.lock
	cd $(ROOT) && VIRTUAL_ENV=$(VENV) $(TOOLS)/bin/uv pip install --quiet --no-deps --editable .
	touch $@

lock: $(TOOLS)/bin/uv ## resolve the dependencies anew and write the locks
	cd $(ROOT) && $(TOOLS)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 pyproject.toml -o requirements/runtime.lock
	cd $(ROOT) && $(TOOLS)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.lock
	cd $(ROOT) && $(TOOLS)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --extra world pyproject.toml -o requirements/world.lock
	cd $(ROOT) && $(TOOLS)/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 requirements/build.in -o requirements/build.lock

demo: setup ## play 20,000 events on the embedded world; KEEP=1 keeps it running; WORKER_MEMORY_MIB=512 limits each worker (as root)
	cd $(ROOT) && $(BIN)/python -m demo --events $(EVENTS) $(if $(KEEP),--keep)

run: setup ## one worker against the real servers of .env
	cd $(ROOT) && $(BIN)/saving-alerts worker

# One file stays in one process, so that its servers start once. The slow files come first as they are collected, and
# the longest of them is as long as a quarter of all: more than four processes would wait for it.
test: setup ## all tests that need nothing but Python, on all cores
	cd $(ROOT) && $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-unit: setup ## the tests that start no server and no process
	cd $(ROOT) && $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal tests/unit

test-kafka: setup ## end to end on real Apache Kafka (JDK 17 and Maven)
	cd $(ROOT) && $(BIN)/pytest -m "kafka and not long"

test-faults: setup ## break workers, brokers and APIs under load on real Apache Kafka; FAULT_ROUNDS=5 for more
	cd $(ROOT) && $(BIN)/pytest -m "faults and not long"

test-browser: setup ## a worker's page in a real browser (Chromium)
	cd $(ROOT) && $(BIN)/pytest -m browser

test-mutants: setup ## break one protection at a time: a test must notice (JDK 17 and Maven)
	cd $(ROOT) && $(BIN)/python -m tests.mutation

fuzz: setup ## fuzz the readers of what others write, guided by coverage (atheris); READER=events SECONDS=600
	cd $(ROOT) && $(BIN)/python -m tests.fuzzing $(READER) --seconds $(or $(SECONDS),600)

test-long: setup ## what takes longer than an hour: five rounds of every failpoint, long outages (JDK 17 and Maven)
	cd $(ROOT) && FAULT_ROUNDS=5 $(BIN)/pytest -m long

check: setup ## ruff, mypy and the import contracts
	cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: setup ## what a worker can do, against idiomatic Faust and a bare aiokafka loop (JDK 17 and Maven)
	cd $(ROOT) && for part in core end_to_end stall recovery takeover consent backlog audit; do $(BIN)/python -m benchmarks.$$part || exit 1; done

bench-linear: setup ## how reading grows with the size of what others write; fails where it grows too fast
	cd $(ROOT) && $(BIN)/python -m benchmarks.linear

bench-rules: setup ## what 5, 50 and 500 rules cost, hostile files, and simulate over 200,000 events (JDK 17 and Maven)
	cd $(ROOT) && $(BIN)/python -m benchmarks.rules && $(BIN)/python -m benchmarks.hostile_files && $(BIN)/python -m benchmarks.simulate

bench-uplift: setup ## how often the interval of `rules results` holds the truth, and how wide it is; fails where it is off
	cd $(ROOT) && $(BIN)/python -m benchmarks.uplift

up: ## the local cluster in containers: 3 brokers, 3 workers and all around them (Docker)
	cd $(ROOT) && docker compose build && docker compose up --detach --wait && docker compose ps

load: ## shoppers on that cluster, then the funnel, the audit and the verdict; RATE=50 SECONDS=60
	cd $(ROOT) && docker compose run --rm --no-deps load --rate $(or $(RATE),50) --seconds $(or $(SECONDS),60)

chaos: setup ## kill or pause a random container every few seconds under load, and judge; RATE=50 SECONDS=300
	cd $(ROOT) && $(BIN)/python -m demo.containers.chaos --rate $(or $(RATE),50) --seconds $(or $(SECONDS),300)

down: ## stop that cluster and remove its containers, networks and volumes
	cd $(ROOT) && docker compose --profile load --profile spare down --volumes --remove-orphans

.PHONY: help setup lock demo run test test-unit test-kafka test-faults test-browser test-mutants fuzz test-long check bench bench-linear bench-rules bench-uplift up load chaos down
