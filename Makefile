# Every target makes what it needs; `make help` lists them.
PYTHON ?= python3
PORT   ?= 8000
VENV   := .venv
BIN    := $(VENV)/bin
SPLIT  := -n 2 --dist loadfile
NBVAL  := -o addopts= --nbval-lax --nbval-cell-timeout=120
CODE   := $(shell find mamlkit _ext -name '*.py' -o -name '*.js' -o -name '*.css') _config.yml $(wildcard benchmarks/*.json)
.DEFAULT_GOAL := help
.PHONY: help env outputs html book lab test quick browser notebooks lint format exercises grade launch offline pdf experiments dist bench picture words addresses links lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

env: $(VENV)/installed  ## the environment in .venv, with the exact versions of requirements.txt
$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"Python {v[0]}.{v[1]} found; 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# Chapters' outputs are kept between builds; a change of the code that made them throws them away.
_build/code: $(CODE) | $(VENV)/installed
	@rm -rf _build/html _build/.doctrees _build/.jupyter_cache
	@mkdir -p _build && touch $@

outputs: env _build/code  ## run the notebooks of the book, as many at a time as there are cores, and keep what they show
	@$(BIN)/python _ext/execute.py

html: outputs  ## build the book into _build/html; every chapter runs, every warning is an error
	$(BIN)/jupyter-book build -W -n --keep-going .

book: html  ## build the book, then serve it on localhost (PORT=8000)
	@echo "The book is at http://localhost:$(PORT)/  (Ctrl-C stops; another port: make book PORT=8001)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: env  ## open the chapters in JupyterLab, which keeps figures alive in saved notebooks
	JUPYTER_CONFIG_PATH=.binder $(BIN)/jupyter lab

test: html  ## all tests: package, built book (which ran every chapter) in a browser, every solution under nbval
	$(BIN)/python -m pytest $(SPLIT)
	$(BIN)/python -m pytest $(SPLIT) $(NBVAL) solutions

quick: env  ## the tests most used: no browser, no notebooks, no class to grade; under a minute
	$(BIN)/python -m pytest $(SPLIT) -m "not browser and not slow" --ignore=tests/grade

browser: html  ## open the built book in Chromium, move its sliders
	$(BIN)/python -m pytest $(SPLIT) -m browser

notebooks: env  ## run every chapter and every solution under nbval
	$(BIN)/python -m pytest $(SPLIT) $(NBVAL) book solutions

lint: env  ## style, types and spelling
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/codespell

format: env  ## put the code in its standard form
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

exercises: env  ## derive exercises/ from solutions/
	$(BIN)/python -m mamlkit.grade release

grade: env  ## grade the notebooks in exercises/: a table of parts, points and advice
	$(BIN)/python -m mamlkit.grade exercises

launch: html  ## write what Binder and Colab open, with notebooks in plain Markdown, into _build/launch
	$(BIN)/python _ext/launch.py

offline: html  ## the whole book in one ZIP that needs no network: _build/learning-to-learn.zip
	$(BIN)/python _ext/offline.py

pdf: env  ## the book as one PDF with vector figures, _build/learning-to-learn.pdf; needs TeX
	@$(BIN)/python _ext/typeset.py --ready
	@$(MAKE) --no-print-directory outputs
	$(BIN)/jupyter-book build -W -n --keep-going --builder latex .
	$(BIN)/python _ext/typeset.py

experiments: env  ## run the trainings that are too long for a chapter, write mamlkit/experiments/results anew
	$(BIN)/python -m mamlkit.experiments

dist: env  ## the package as it is released: source and wheel, checked, installed in an environment of its own, tested there
	rm -rf dist _build/wheel && $(BIN)/python -m build --outdir dist . > /dev/null
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv _build/wheel
	_build/wheel/bin/python -m pip install -q --disable-pip-version-check "$$(echo dist/*.whl)[torch]" pytest hypothesis scipy
	_build/wheel/bin/python -P -c 'import mamlkit; assert "site-packages" in mamlkit.__file__, mamlkit.__file__'
	_build/wheel/bin/pytest -q -p no:cacheprovider tests/closed_form tests/tasks

bench:  ## mamlkit beside its peers, side by side on this machine; an environment of its own
	PYTHON=$(PYTHON) sh benchmarks/setup.sh
	.venv-bench/bin/python benchmarks/run.py
	.venv-bench/bin/python benchmarks/scaling.py
	PYTHONPATH=. .venv-bench/bin/python benchmarks/operators.py

picture: env  ## draw book/landscape.svg anew
	$(BIN)/python -c 'from mamlkit.explorers.quadratic import quadratic_scene; \
	  from mamlkit.figures import picture; \
	  open("book/landscape.svg", "wb").write(picture(quadratic_scene(0.5, 2.0, 1, (0.3, 1.5))).save("svg"))'

# A translator copies _build/words.pot to mamlkit/locale/<language>/LC_MESSAGES/mamlkit.po, then runs this again.
words: env  ## collect what code draws for translators (_build/words.pot); update and compile what is translated
	@mkdir -p _build
	PYTHONPATH=_ext $(BIN)/pybabel -q extract -F pyproject.toml -k _ --project mamlkit -o _build/words.pot mamlkit book _ext
	@if [ -d mamlkit/locale ]; then \
	  $(BIN)/pybabel -q update -D mamlkit -d mamlkit/locale -i _build/words.pot && \
	  $(BIN)/pybabel compile -D mamlkit -d mamlkit/locale; fi
	@echo "$$(grep -c '^msgid' _build/words.pot) entries in _build/words.pot"

addresses: env  ## ask every address outside the book whether it still answers; needs the network
	$(BIN)/jupyter-book build . --builder linkcheck --path-output _build/addresses

links: env  ## write the repository of _config.yml into set-up cells and citation
	$(BIN)/python _ext/links.py

lock: env  ## write requirements.txt anew from the environment
	{ echo "# The exact set that builds and tests the book; written by make lock."; \
	  $(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+cpu$$//' | grep -vE '^(nvidia|triton|cuda)'; } > requirements.txt

clean:  ## remove what was built; the environment stays
	rm -rf _build
