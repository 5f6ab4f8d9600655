# make demo   set up, then the whole main job on generated scenes (4 to 6 minutes on 2 cores after the installation)
# make test   set up, then the tests
# make lint   set up, then ruff and mypy
# make soak   set up, then the long forms of the kill, fuzz, memory, process and property tests (about 10 minutes on 2 cores)
# make bench  set up, then eight benchmarks, small
# make peers  set up, then the tests that compare with other packages (annotation tools, grad-cam, torch-cam, onnxruntime)
# make docs   set up, then the site in build/docs, without a network; warnings are errors. Tutorials and the notebook are
#             executed where they changed since the last time (all of them: some minutes of one core);
#             EXECUTE=off leaves that out, which is what .ci/run builds; EXECUTE=force runs all
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# two OpenMP pools on a few cores slow each other down: see README, "On a CPU"
export MPLBACKEND := Agg

EXECUTE ?= cache

.PHONY: demo test lint soak bench peers docs wheel clean

$(VENV)/.installed: requirements/runtime.txt requirements/openmmlab.txt requirements/crf.txt requirements/sam.txt \
		requirements/clip.txt requirements/pretrained.txt requirements/onnx.txt requirements/tests.txt \
		requirements/constraints.txt setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q torch -c requirements/constraints.txt
	$(BIN)/python -m pip install -q torchvision -c requirements/constraints.txt
	$(BIN)/python -m pip install -q -r requirements/openmmlab.txt -r requirements/runtime.txt -r requirements/crf.txt \
		-r requirements/sam.txt -r requirements/clip.txt -r requirements/pretrained.txt -r requirements/onnx.txt \
		-r requirements/tests.txt -c requirements/constraints.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python tools/pipeline.py configs/pipelines/demo.py

test: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

soak: $(VENV)/.installed
	OMP_NUM_THREADS=1 MMWSSS_KILLS=60 MMWSSS_FUZZ=25 MMWSSS_MEMORY=500,5000 MMWSSS_PROPERTY=10 MMWSSS_SPAWN=1 $(BIN)/python -m pytest \
		tests/pseudo tests/datasets/test_properties.py tests/test_portability.py --timeout 1800

bench: $(VENV)/.installed
	$(BIN)/python -m pip install -q -r requirements/bench.txt -c requirements/constraints.txt
	$(BIN)/python -m pip install -q --no-deps -r requirements/bench_peers.txt -c requirements/constraints.txt
	$(BIN)/python benchmarks/startup.py --rounds 1
	$(BIN)/python benchmarks/cam.py --vit tiny --rounds 2
	$(BIN)/python benchmarks/crf.py --presets voc --rounds 1
	$(BIN)/python benchmarks/make_pseudo.py --vit tiny --number 12 --rounds 1
	$(BIN)/python benchmarks/training_step.py --vit tiny --depth 18 --size 128 --rounds 2
	$(BIN)/python benchmarks/attention_memory.py --vit tiny
	$(BIN)/python benchmarks/sam_voting.py --rounds 1
	$(BIN)/python benchmarks/memory.py --numbers 100 500

peers: $(VENV)/.installed
	$(BIN)/python -m pip install -q -r requirements/peers_deps.txt -c requirements/constraints.txt
	$(BIN)/python -m pip install -q --no-deps -r requirements/peers.txt -r requirements/bench_peers.txt -c requirements/constraints.txt
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/exports tests/cam/test_any_classifier.py tests/lite -rs

lint: $(VENV)/.installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

$(VENV)/.docs: $(VENV)/.installed requirements/docs.txt
	$(BIN)/python -m pip install -q -r requirements/docs.txt -c requirements/constraints.txt
	touch $@

docs: $(VENV)/.docs
	MMWSSS_DOCS_EXECUTE=$(EXECUTE) $(BIN)/python -m sphinx -W --keep-going -n -q -d build/doctrees docs build/docs
	@echo "the site: build/docs/index.html"

wheel: $(VENV)/.installed
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist *.egg-info
