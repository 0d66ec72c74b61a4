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
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# A CUDA machine where nothing can be installed: GPU_PYTHON=python3, with the packages it has.
GPU_PYTHON ?= $(BIN)/python
GPU_MINUTES ?= 10

.PHONY: demo test docs fuzz phone-target perf gpu-session mutate lint types clean

demo: $(READY)
	$(BIN)/ofabench quickstart --out runs/quickstart

test: $(READY)
	$(BIN)/python -m pytest -m "slow or not slow" -n $(TEST_PROCESSES) --dist loadfile

# Its first page is build/site/index.html, which opens without a server and without a network.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	$(BIN)/python -m docs.site.links build/site

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
