# Every task runs in .venv, whatever environment is active outside. Paths are relative: the folder's own may hold spaces.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
PYTHON ?= python3
PY := .venv/bin/python
COLDPLATE := .venv/bin/coldplate

.PHONY: setup demo test test-servers test-models lint types docs cookbook docs-check bench evaluate soak-detect soak-agent clean
.DEFAULT_GOAL := setup

setup: .venv/.installed  ## Environment, locked dependencies, Kafka and ClickHouse; a second one takes a fraction of a second
	@$(COLDPLATE) fetch >/dev/null

demo: setup  ## The whole chain with a failing pump; DURATION=100 ends it by itself
	@$(COLDPLATE) demo $(if $(DURATION),--duration $(DURATION))

# Tests of parts that start servers and processes wait more than they compute: they run beside the others, on the second core.
SERVERS := tests/agents tests/console tests/e2e tests/sinks

test: lint types docs-check  ## Everything that is checked; the tests in two halves side by side, each shown when it has ended
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-servers test-models

test-servers:
	@$(PY) -m pytest $(SERVERS)

test-models:
	@$(PY) -m pytest $(SERVERS:%=--ignore=%)

lint: setup
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: setup
	@$(PY) -m mypy

docs: setup  ## Write the pages that follow from the code
	@$(PY) docs/generate.py

cookbook: setup  ## Write docs/sql.md: each question with its answer on the recorded day
	@PYTHONPATH=tests $(PY) docs/cookbook.py

docs-check: setup
	@$(PY) docs/generate.py --check

bench: setup  ## Codec, agent, detection, pipeline, and how long `coldplate --help` takes
	@$(COLDPLATE) bench codec --json
	@$(COLDPLATE) bench agent --json
	@$(COLDPLATE) bench detect --json
	@$(COLDPLATE) bench pipeline --json
	@$(PY) -m timeit -n 1 -r 8 -s "import subprocess as s" "s.run(['$(COLDPLATE)', '--help'], stdout=s.DEVNULL)"

SEEDS ?= 3
SCENARIOS ?= everything pump-day
PROCESSES ?= 2
evaluate: setup  ## Faults found on unseen seeds, into docs/evaluation.md: hours, but it goes on where it was; SEEDS=1 takes less
	@$(COLDPLATE) evaluate page $(SCENARIOS:%=--scenario %) --seeds $(SEEDS) --processes $(PROCESSES) --keep build/evaluate

GPU_DAYS ?= 1000
soak-detect: setup  ## Healthy halls until there are GPU_DAYS: false pages and what is proven; goes on where it was
	@$(COLDPLATE) evaluate soak --gpu-days $(GPU_DAYS) --processes $(PROCESSES) --keep build/evaluate

soak-agent: setup  ## An agent killed 200 times while its broker comes and goes: some 12 minutes
	@PYTHONPATH=tests $(PY) tests/e2e/kills.py 200

clean:  ## Forget all but the downloads in the cache
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'coldplate needs Python 3.11 or newer, and $(PYTHON) is not: make setup PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo '$(PYTHON) lacks venv or ensurepip; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'making .venv and installing the locked dependencies (a minute or two)'
	@$(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
