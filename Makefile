# make demo   set up, then the whole main job on generated scenes (6 minutes on 2 cores after the installation)
# make test   set up, then the tests
# make lint   set up, then ruff and mypy
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# two OpenMP pools on a few cores slow each other down: see README, "On a CPU"
export MPLBACKEND := Agg

.PHONY: demo test lint wheel clean

$(VENV)/.installed: requirements/runtime.txt requirements/openmmlab.txt requirements/crf.txt requirements/sam.txt \
		requirements/clip.txt requirements/tests.txt requirements/constraints.txt setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q torch -c requirements/constraints.txt
	$(BIN)/python -m pip install -q torchvision -c requirements/constraints.txt
	$(BIN)/python -m pip install -q -r requirements/openmmlab.txt -r requirements/runtime.txt -r requirements/crf.txt \
		-r requirements/sam.txt -r requirements/clip.txt -r requirements/tests.txt -c requirements/constraints.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python tools/pipeline.py configs/pipelines/demo.py

test: $(VENV)/.installed
	$(BIN)/python -m pytest

lint: $(VENV)/.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

wheel: $(VENV)/.installed
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist *.egg-info
