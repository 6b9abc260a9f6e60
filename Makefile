# Everything on a fresh machine: `make demo` and `make test`. Nothing else needs to be installed first but Python.
SHELL := bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Test files that run at once: one more than two cores, since many wait for screens and processes.
WORKERS ?= 3
# With another worker in the place of one that crashed, pytest-xdist waits for ever.
WORKERS_OPTIONS := -n $(WORKERS) --dist loadfile --max-worker-restart 0

.PHONY: demo test coverage check format lint types layers setup clean pictures tiny hooks

setup: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip setuptools
	$(BIN)/pip install --quiet --no-build-isolation --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/birefnet-video samples/dog.mp4 --alpha out.mov --green out.mp4 --overwrite

# Compiled first: the programs that tests start would do it each for itself where Python is told to keep nothing.
test: setup
	$(BIN)/python -m compileall -q birefnet_video model tui
	$(BIN)/pytest $(WORKERS_OPTIONS)

# Takes a fifth longer than test. TESTS narrows it down: make coverage TESTS=tests/media
coverage: setup
	$(BIN)/pytest $(WORKERS_OPTIONS) --cov --cov-report term $(TESTS)

check: format lint types test

# Format, lint and types before every commit.
hooks: setup
	$(BIN)/pre-commit install

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

layers: setup
	$(BIN)/pytest -q tests/packaging/test_layers.py

# The checkers cannot see that model/ is birefnet_video.model, so they run on an installed copy. build/ is removed
# first because setuptools never prunes it.
types: setup
	rm -rf build .typecheck
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --no-compile --target .typecheck .
	cp pyproject.toml .typecheck/
	cd .typecheck && ../$(BIN)/mypy -p birefnet_video | sed -E 's#^birefnet_video/(model|tui)/#\1/#; t; s#^birefnet_video/#birefnet_video/#'; exit $${PIPESTATUS[0]}

pictures: setup
	$(BIN)/python samples/make_pictures.py

# The bundled network again: DATA and EVAL name folders of pictures, see docs/training.md; REDUCED=1 only sees that it
# runs. Needs npm, apt and git.
tiny: setup
	$(BIN)/pip install --quiet --no-build-isolation --editable '.[dev,onnx,openvino]'
	$(BIN)/python tools/tiny/make.py --data "$(DATA)" --eval "$(EVAL)" $(if $(EMPTY),--empty $(EMPTY)) \
		$(if $(WORK),--work "$(WORK)") $(if $(REDUCED),--reduced)

clean:
	rm -rf $(VENV) build .typecheck .coverage* out.mov out.mp4
