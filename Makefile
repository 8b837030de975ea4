# phr: `make demo` and see. Works with GNU make 3.81 and newer, on Linux and macOS.

VENV := .venv
PY := $(VENV)/bin/python
# The newest first; any from 3.11 on will do. PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	>/dev/null 2>&1 && echo $$p && break; done)
PORT ?=
UP := $(PY) manage.py up $(if $(PORT),--port $(PORT))
PIP := $(PY) -m pip --disable-pip-version-check -qq
LOCKED := install --require-hashes --no-deps --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo run test lint format bench shots lock secrets chromium clean

help:
	@echo "make demo    everything on this machine, with sandbox portals and a family that uses them (PORT=9000 moves it)"
	@echo "make run     the same stack, empty, for real use"
	@echo "make test    the whole suite        make lint   style, types, contracts"
	@echo "make bench   measurements           make shots  pictures of every page under var/shots/"
	@echo "make setup   the installation alone make lock   the locks anew from pyproject.toml"

# -- installation: a stamp holds what was installed, so a second run does nothing

$(PY):
	@if [ -z "$(PYTHON)" ]; then \
		echo "phr needs Python 3.11 to 3.14 with its venv module (Debian: apt install python3-venv), and found none; PYTHON=/path/to/python names one." >&2; \
		exit 1; fi
	@echo "Making $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: requirements.txt | $(PY)
	@echo "Installing (once; later starts skip this) ..."
	@$(PIP) $(LOCKED) --requirement requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt | $(PY)
	@echo "Installing with the tools for tests (once) ..."
	@$(PIP) $(LOCKED) --requirement requirements-dev.txt
	@touch $(VENV)/.installed $@

setup: $(VENV)/.installed
	@:

setup-dev: $(VENV)/.installed-dev
	@:

# -- running

demo: setup
	@$(UP) --demo

run: setup
	@$(UP)

# -- proving

test: setup-dev chromium
	@$(PY) -m pytest -n auto -m "not long" $(ARGS)

# The browser journeys need Chromium from the system's packages; without it they are skipped, and say so.
chromium:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null 2>&1 && exit 0; done; \
	if [ -d "/Applications/Google Chrome.app" ] || [ -d "/Applications/Chromium.app" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "Installing Chromium from the system's packages, for the browser tests ..."; \
		apt-get update -qq >/dev/null 2>&1; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 \
			|| echo "Chromium could not be installed: the browser tests will be skipped."; \
	else \
		echo "No Chromium here, and no right to install it (apt install chromium): the browser tests will be skipped."; \
	fi

lint: setup-dev
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy .
	@$(VENV)/bin/lint-imports --no-cache
	@find templates -name '*.html' -print0 | xargs -0 $(VENV)/bin/djade --check --target-version 5.2
	@$(PY) -m pytest -n0 -q tests/project

format: setup-dev
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .
	@find templates -name '*.html' -print0 | xargs -0 $(VENV)/bin/djade --target-version 5.2

bench: setup-dev
	@$(PY) manage.py bench $(ARGS)

shots: setup-dev chromium
	@$(PY) manage.py shots $(ARGS)

# What docker-compose.yml reads; made once, never overwritten.
secrets:
	@$(or $(PYTHON),python3) -m phr.ops.compose_secrets

# Universal over systems and Python versions, hashes but no registry's address; needs uv (`pipx install uv`).
lock:
	@command -v uv >/dev/null 2>&1 || { echo "make lock needs uv (https://docs.astral.sh/uv/): pipx install uv" >&2; exit 1; }
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--exclude-newer "$$(date -u -d '7 days ago' +%F 2>/dev/null || date -u -v-7d +%F)" pyproject.toml -o requirements.txt
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--exclude-newer "$$(date -u -d '7 days ago' +%F 2>/dev/null || date -u -v-7d +%F)" --group dev \
		--constraint requirements.txt pyproject.toml -o requirements-dev.txt

# Never touches var/, where the data are.
clean:
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
