# One verb per chore. Each sets up what it needs first, so a fresh clone needs nothing but Python 3.11 and make.
#
#   make demo     the course notebook's figures, from running processes
#   make test     all tests; `make test ARGS=tests/unit/contract` runs some
#   make check    style, types, layers, protos
#   make manifests  what is in deploy/k8s, rendered, against schemas, rules of ours, and other people's
#   make images   builds the images in deploy/images, looks inside, and runs them as the manifests say
#   make rolling  an upgrade from the commit before to this one, and back, under load; `make rolling BEFORE=v0.1.0`
#   make fmt      put style and protos in order
#   make gen      remake the stubs and the pages of docs/ that are tables of the code
#   make bench    side by side with peers
#   make fuzz     look for what breaks the service; `make fuzz ARGS='--seconds 3600'` for an hour
#   make hostile  ten thousand good evaluations with five hundred bad ones among them
#   make drill    kill, freeze, cut off and fill each part under load; `make drill ARGS='--times 2'` in short
#   make up       gateway, worker and an embedded Redis on this machine
#   make pin      remake constraints.txt from what pyproject.toml allows
#   make clean    remove what the others made

PYTHON ?= python3
export PYTHON

# The first pip with --group and --build-constraint both; fixed, so that two clones are installed alike.
export PIP_VERSION := 26.3

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FUZZ_STAMP := $(VENV)/.fuzz-installed

.PHONY: setup demo test check manifests images rolling fuzz bench gen up clean pin fmt drill hostile
.DEFAULT_GOAL := test

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "Pullback needs Python 3.11 or newer with its venv module, but '$(PYTHON)' is not one." >&2; \
	    echo "Install it (Debian: apt-get install python3 python3-venv), or name another: make PYTHON=python3.12" >&2; \
	    exit 1; }
	@echo "Installing into $(VENV): this takes a minute or two, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip==$(PIP_VERSION)
	@$(BIN)/python -m pip install --quiet -c constraints.txt --build-constraint constraints.txt \
	    -e '.[local]' --group test --group check
	@touch $@

demo: setup
	@$(BIN)/python examples/demo.py

test: setup
	$(BIN)/pytest $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/protos.py check

manifests: setup
	$(BIN)/python tools/manifests.py $(ARGS)

images: setup
	$(BIN)/python tools/images.py $(ARGS)

rolling: setup
	$(BIN)/python tools/images.py --before $(or $(BEFORE),HEAD~1) $(ARGS)

fmt: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write proto

gen: setup
	$(BIN)/python tools/protos.py gen
	$(BIN)/python tools/pages.py

$(FUZZ_STAMP): $(STAMP)
	@$(BIN)/python -m pip install --quiet -c constraints.txt --group fuzz
	@touch $@

fuzz: $(FUZZ_STAMP)
	@$(BIN)/python -m tests.fuzz $(ARGS)

# jemalloc is what the embedded server runs with where the machine has it; without it the figures are of glibc's malloc.
bench: setup
	@ldconfig -p | grep -q 'libjemalloc\.so\.2' || apt-get install -qq --yes libjemalloc2 > /dev/null 2>&1 || echo 'bench: without jemalloc'
	$(BIN)/python -m benchmarks $(ARGS)

hostile: setup
	$(BIN)/python -m tests.acceptance.hostile $(ARGS)

drill: setup
	$(BIN)/python -m tests.acceptance.drill $(ARGS)

up: setup
	$(BIN)/pullback up $(ARGS)

pin:
	tools/pin.sh

clean:
	rm -rf $(VENV) .cache build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find proto services workers tests benchmarks tools examples -name __pycache__ -prune -exec rm -rf {} +
