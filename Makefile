# make demo: set up and build Table 1.   make check: lint, types, unit tests.   make test: everything.   make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || echo 2)
# A run is hundreds of short processes: what Python compiles of the library is kept, whatever the surroundings say.
unexport PYTHONDONTWRITEBYTECODE

LINTERS := style snakestyle snakelint layers types

.PHONY: help setup demo thousand paper probe lint $(LINTERS) check test faults audit bench memory gpu pins clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(VENV)/ready: envs/pins.txt
	@$(PYTHON) -c 'import sys; sys.exit("posinfo needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r envs/pins.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/ready ## a virtual environment in the clone, with the pinned packages

demo: setup ## Table 1 on the embedded default: real weights, real photographs
	$(BIN)/snakemake --cores $(CORES) results/tables/table1.csv
	@echo; echo "Files made:"; find resources results -type f -not -name README.md -not -path '*/.*' | cut -d/ -f1,2 | sort | uniq -c
	@echo; cat results/tables/table1.md
	@echo; $(BIN)/posinfo verify --tables results/tables/table1.csv --expected workflow/expected/default || true
	@echo; echo "Next, after: source $(BIN)/activate"
	@echo "  snakemake --cores $(CORES) results/figures/stages.png    position stage by stage in VGG16"
	@echo "  snakemake --cores $(CORES)                               every table, figure and claim, and results/index.html"
	@echo "  posinfo taps torchvision/resnet18               where a network of yours can be read"

thousand: setup ## every table and figure from a thousand photographs, into results/thousand (fetches 0.3 GB)
	$(BIN)/snakemake --cores $(CORES) --configfile workflow/configs/thousand.yaml

paper: setup ## the paper on its own images, into results/paper (fetches 0.4 GB; a day on 2 cores)
	$(BIN)/snakemake --cores $(CORES) --configfile workflow/configs/paper.yaml

probe: setup ## position in one network beside random weights: NETWORK=timm/resnet26d (more: posinfo probe --help)
	@test -n "$(NETWORK)" || { echo "name a network: make probe NETWORK=timm/resnet26d"; exit 2; }
	$(BIN)/posinfo probe $(NETWORK)

lint: setup ## formatting, style, types, Snakemake's own lint, layers of imports
	@$(MAKE) --no-print-directory --jobs $(CORES) $(if $(filter output-sync,$(.FEATURES)),--output-sync) $(LINTERS)
$(LINTERS): setup
style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
snakestyle:
	$(BIN)/snakefmt --check Snakefile workflow
snakelint:
	$(BIN)/snakemake --lint
layers:
	$(BIN)/lint-imports --no-cache
types:
	$(BIN)/mypy

check: lint ## lint and the library's own tests: 75 seconds
	$(BIN)/pytest tests/unit -n $(CORES) --dist worksteal

test: lint ## lint, then every test
	$(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder

faults: setup ## kill, starve and damage real runs; prints a table of what was tried (20 minutes)
	$(BIN)/pytest tests/faults -m faults

audit: setup ## check the pinned packages for known vulnerabilities (asks a public database)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --disable-pip-version-check --quiet pip-audit==2.10.1
	$(VENV)/audit/bin/pip-audit --disable-pip --require-hashes -r envs/pins.txt

bench: setup ## each stage beside the least it could take, growth, alternatives (an hour; parts: bench/bench.py -h)
	$(BIN)/snakemake --cores $(CORES) results/tables/table1.csv
	$(BIN)/python bench/bench.py

memory: setup ## peak memory of training for 500 and 5,000 images (12 GB of scratch)
	$(BIN)/python bench/memory.py

# On a borrowed machine there is no network for a set-up: its own Python does, with what bench/wheels brings.
gpu: ## the bench on a GPU, at most 9 minutes: numbers beside the CPU's, speeds, memory (see bench/gpu.py)
	@test ! -d bench/wheels || $(PYTHON) -m pip install --quiet --no-index --find-links bench/wheels --target bench/wheels/site --upgrade pydantic
	PYTHONPATH=workflow:bench/wheels/site $(firstword $(wildcard $(BIN)/python) $(PYTHON)) bench/gpu.py

pins: ## resolve pyproject.toml anew into envs/ (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --upgrade -o envs/pins.txt

clean: ## remove what was made, keep what was fetched
	find results -mindepth 1 -maxdepth 1 -not -name README.md -exec rm -rf {} +
	rm -rf .snakemake
