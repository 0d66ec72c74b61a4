# `make demo` and `make test` set up everything they need: a virtual environment in this folder.
# PIP_ARGS goes to pip, for instance an index that has torch's CPU build (see README).
PYTHON ?= python3.11
PIP_ARGS ?=
TEST_PROCESSES ?= 2
# Of all fuzz targets together; FUZZ_TARGET names one of them.
FUZZ_SECONDS ?= 60
FUZZ_TARGET ?=
COUNT ?= 40
SEED ?= 1
NIGHTLY_FUZZ_SECONDS ?= 1800
# A few of tests/mutation/areas.toml: timing, drift, tables, search.
NIGHTLY_MODULES ?= bench/timing/drift.py latency_models/drift/process.py latency_models/tables/table.py \
  supernet/search/promising.py
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# A CUDA machine where nothing can be installed: GPU_PYTHON=python3, with the packages it has.
GPU_PYTHON ?= $(BIN)/python
GPU_MINUTES ?= 10

NIGHTLY := faults peers fuzz perf experiments mutations

.PHONY: demo test docs notebooks fuzz phone-target perf gpu-session mutate lint types clean nightly $(NIGHTLY:%=nightly-%)

demo: $(READY)
	$(BIN)/ofabench quickstart --out runs/quickstart

test: $(READY)
	$(BIN)/python -m pytest -m "slow or not slow" -n $(TEST_PROCESSES) --dist loadfile

# Its first page is build/site/index.html, which opens without a server and without a network.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python -m docs.site.links build/site

# Their outputs are kept: commit what changes.
notebooks: $(READY)
	$(BIN)/python -m tests.notebooks

phone-target: $(READY)
	@$(BIN)/python -m tests.phone_target.build

# Where atheris has no wheel for this Python, the second line says so.
fuzz: $(READY)
	@$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --only-binary atheris atheris || true
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_TARGET:%=--target %)

perf: $(READY)
	$(BIN)/python -m pytest tests/perf -m "slow or not slow" --benchmark-enable --benchmark-only

gpu-session: $(if $(filter $(BIN)/python,$(GPU_PYTHON)),$(READY))
	$(GPU_PYTHON) -m experiments.gpu_session --out gpu-session --minutes $(GPU_MINUTES)

# make mutate MODULE=bench/timing/drift.py [COUNT=40] [SEED=1] [ARGS=...]
mutate: $(READY)
	@$(BIN)/python -c 'import cosmic_ray' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[mutation]'
	@$(BIN)/python -m tests.mutation --count $(COUNT) --seed $(SEED) $(ARGS) $(MODULE)

# What takes too long for every change; `make -k nightly` goes through all parts although one fails.
nightly: $(NIGHTLY:%=nightly-%)

# All of the faults that README counts; the default tests make fewer of them.
nightly-faults: $(READY)
	OFABENCH_PHONE_FAULTS=200 OFABENCH_REAL_PHONE_FAULTS=20 OFABENCH_SSH_FAULTS=200 $(BIN)/python -m pytest \
	  -m "slow or not slow" tests/bench/devices/android/test_faults.py tests/bench/devices/ssh/test_faults.py

nightly-peers: $(READY)
	OFABENCH_PEER_ARCHS=100 $(BIN)/python -m pytest -m "slow or not slow" \
	  tests/supernet/weights/test_import_ofa_peer.py tests/supernet/accuracy/test_ofa_peer.py

nightly-fuzz:
	$(MAKE) fuzz FUZZ_SECONDS=$(NIGHTLY_FUZZ_SECONDS)

nightly-perf: perf

# That they still run: the figures of a nightly run are not those of a quiet machine.
nightly-experiments: $(READY)
	$(BIN)/python -m experiments.structure
	$(BIN)/python -m experiments.sampling_cost
	$(BIN)/python -m experiments.loading_speed --seconds 0.5 --images 40
	$(BIN)/python -m experiments.elastic_steps --space tiny --steps 3
	$(BIN)/python -m experiments.training_overhead

nightly-mutations: $(READY)
	set -e; for module in $(NIGHTLY_MODULES); do $(MAKE) mutate MODULE=$$module; done

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo

types: $(READY)
	$(BIN)/mypy

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; set PYTHON to a Python 3.11 or newer" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .tox .mypy_cache .ruff_cache .import_linter_cache .pytest_cache build dist *.egg-info
