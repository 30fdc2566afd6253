# make run       trains LeNet-5 for 3 epochs, prints the paths of report and model
# make lab       runs the labs at demonstration size, and writes an index page
# make test      runs the whole test suite, on TensorFlow and on JAX
# make test-torch  runs the tests of layers, losses and models on PyTorch
# make check     runs the linters and the quick tests, between two edits
# make lint      runs ruff, import-linter, mypy and codespell
# make bench     runs the benchmarks
# make docs      builds the documentation site, and runs its guides
# make notebooks runs three guides in a new environment
# make linkcheck checks the links of the site to other sites
# make coverage  runs the tests on TensorFlow, and writes htmlcov/

PYTHON ?= python3
BIN = .venv/bin
# Versions to install; CI also tests constraints-lowest.txt.
CONSTRAINTS ?= constraints.txt

# What is written once for every Keras backend, and is tested again on JAX.
ANY_BACKEND = dlunits/activations.py dlunits/autodiff.py dlunits/layers \
	dlunits/losses dlunits/models dlunits/regularizers dlunits/diagnostics \
	dlunits/metrics/bits_per_character.py dlunits/metrics/perplexity.py \
	dlunits/scan.py tests/metrics/bits_per_character_test.py \
	tests/metrics/perplexity_test.py tests/scan_test.py \
	tests/conformance_test.py tests/activations_test.py tests/autodiff_test.py \
	tests/layers tests/losses tests/models tests/regularizers \
	tests/diagnostics tests/training/gradient_norm_test.py \
	tests/training/pretraining_test.py tests/training/truncated_bptt_test.py

# Two files at a time, with a thread each.
PYTEST = TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 \
	$(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: run lab test test-torch check lint docs notebooks linkcheck bench coverage wheel clean

run: .venv/run.installed
	$(BIN)/python apps/lenet_mnist.py --epochs=3

lab: .venv/run.installed
	$(BIN)/python apps/lab.py

test: .venv/test.installed .venv-serve/test.installed
	$(PYTEST)
	KERAS_BACKEND=jax $(PYTEST) -m "not one_backend" $(ANY_BACKEND)
	TF_NUM_INTRAOP_THREADS=1 .venv-serve/bin/python -m pytest \
		dlunits/serving/server dlunits/demo tests/apps/serve_test.py \
		tests/apps/demo_test.py tests/deploy_test.py

# The conformance tests print what is not supported.
test-torch: .venv-torch/test.installed
	KERAS_BACKEND=torch .venv-torch/bin/python -m pytest -m "not one_backend" \
		$(filter dlunits/%,$(ANY_BACKEND)) tests/conformance_test.py \
		tests/autodiff_test.py tests/scan_test.py

# Left out: tests that train models or start processes.
check: lint
	$(PYTEST) $(addprefix --ignore=tests/,apps benchmarks docs layers/rnn models \
		serving tasks training conformance_test.py packaging_test.py)

lint: .venv/test.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --config pyproject.toml
	$(BIN)/python -m mypy
	$(BIN)/codespell

bench: .venv/bench.installed
	@failed=; for script in $$(grep -l "^def main" benchmarks/*.py); do \
		echo "== $$script"; $(BIN)/python $$script || failed="$$failed $$script"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

# The guides run the command `dlunits`. Reports are made anew after changes only.
docs: .venv/docs.installed
	$(BIN)/python docs/example_reports.py
	rm -f docs/api/dlunits*.rst
	PATH="$(CURDIR)/$(BIN):$$PATH" TF_CPP_MIN_LOG_LEVEL=2 \
		$(BIN)/python -m sphinx --fail-on-warning --keep-going --jobs 2 \
		docs docs/_build/html

# Three guides in a new environment with `pip install dlunits` alone, 2 GB.
notebooks: .venv/test.installed .venv/docs.installed
	DLUNITS_FRESH_ENVIRONMENT=1 $(BIN)/python -m pytest \
		tests/docs/notebooks_test.py

# External links; it needs the network, and runs no guide.
linkcheck: .venv/docs.installed
	$(BIN)/python -m sphinx --builder linkcheck --jobs 2 \
		--define nb_execution_mode=off docs docs/_build/linkcheck

coverage: .venv/test.installed
	$(PYTEST) --cov=dlunits --cov-report=term --cov-report=html

wheel: .venv/test.installed
	$(BIN)/python -m build

clean:
	rm -rf .venv .venv-serve .venv-torch build dist *.egg-info

# Each stamp stands for an environment with one set of extras installed. KServe
# and Gradio have an environment of their own, as they hold back packages of
# others, and PyTorch has one, as it is large.
%.installed: PINS = $(CONSTRAINTS)
.venv-serve/%.installed: PINS = constraints-serve.txt
.venv-serve/test.installed: EXTRAS = [browser,demo,serve]
.venv-serve/test.installed: MORE = pytest
.venv-torch/test.installed: EXTRAS = [torch]
.venv-torch/test.installed: MORE = pytest
.venv/run.installed: EXTRAS =
.venv/test.installed: EXTRAS = [test]
.venv/bench.installed: EXTRAS = [bench]
.venv/docs.installed: EXTRAS = [docs]
%.installed: setup.cfg setup.py pyproject.toml $(CONSTRAINTS) constraints-serve.txt
	@command -v $(PYTHON) > /dev/null || { echo "make: $(PYTHON) was not found; install Python 3.11 or later, or name it: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or later is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "make: $(PYTHON) has no venv module; install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --constraint $(PINS) --editable ".$(EXTRAS)" $(MORE)
	@touch $@
