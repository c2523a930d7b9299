# SPDX-License-Identifier: Apache-2.0
# The verbs of lbd, on a bare Debian 12 as root. Each does what it needs first and is quick when there is nothing to do.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build lint test demo bench soak clean
.NOTPARALLEL:

PY := .venv/bin/python
MODE ?= fnat
KEEP ?=
ONLY ?=
SCALE ?= 0.01
T ?=

help:  ## this list
	@sed -nE 's/^([a-z]+):.*  ## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup:  ## Debian's packages and .venv (every other verb does this first)
	@tools/setup

build: setup  ## the fastpath, and lbd and lbctl in .venv/bin
	@tools/build

lint: build  ## ruff, mypy --strict, import-linter; Cython with -Werror is part of the build
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -m pytest -q tests/unit/test_layers_*.py

test: build  ## every test [T="pytest arguments"]
	$(PY) -m pytest $(T)

demo: build  ## two directors, a client, real servers, and what happens when they die [MODE=fnat|nat|dr] [KEEP=1]
	@$(PY) -m demo --mode $(MODE) $(if $(KEEP),--keep)

bench: build  ## the benchmarks, into benchmarks/results/latest.json [ONLY=name,…]
	@$(PY) -m benchmarks.run $(if $(ONLY),--only $(ONLY))

soak: build  ## the long runs, into benchmarks/results/soak.json [ONLY=name,…] [SCALE=0.01…1]
	@$(PY) -m benchmarks.run --soak --scale $(SCALE) $(if $(ONLY),--only $(ONLY))

clean:  ## all that the verbs made in this tree, and what a demo left running
	@tools/clean
