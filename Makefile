# make demo   set up, then run the main job on generated data
# make test   set up, then run the tests
PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
BIN    := $(VENV)/bin

.PHONY: demo test bench lint docs clean

demo: $(VENV)/.installed
	$(BIN)/fusionbench run --fusion arpg --dataset afew --stand-in

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/.installed-test
	$(BIN)/python -m pytest tests/benchmarks -m benchmark --benchmark-autosave
	$(BIN)/python -m tests.benchmarks.ratios

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.installed-test
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV)

# Torch goes in first, so that TORCH=... can choose a build; entry points are read
# at install, so a changed pyproject.toml installs again.
$(VENV)/.torch:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("fusionbench needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(TORCH)
	touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.torch
	$(BIN)/pip install --quiet -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.torch
	$(BIN)/pip install --quiet -e ".[test]"
	touch $@ $(VENV)/.installed
