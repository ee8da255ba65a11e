# Two commands do everything on a fresh machine: `make figures` and `make test`. `make` alone prints this list.

PYTHON ?= python3
BIN := .venv/bin
SEEDS ?= 0..19
# One thread a test process, as when the notebooks are run: two go at a time.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Tests always look at the quick profile with seed 0, whatever the shell exports.
PLAIN := env -u PROFILE -u SEED -u OUTPUT -u REDRAW -u STRICT

.DEFAULT_GOAL := help
.PHONY: lane site slides pdf site-test paper help setup figures essays store record full seeds gpu claims claim lab test slow-test pulled quick-test bench mutants clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'

setup:
	@$(PYTHON) helpers/environment.py

figures: setup ## run every notebook (NB=01: one), write figures/ and the claims ledger, print the verdicts
	@$(BIN)/python -m helpers run $(NB)
	@$(if $(NB),,$(PLAIN) $(BIN)/python -m helpers explorables)

essays: setup ## the same for the five essays alone
	@$(BIN)/python -m helpers run --essays $(NB)

full: setup ## the same in the full profile, on the GPU if there is one; writes to build/full-0 (TABLE=...: record it first)
	@$(if $(TABLE),PROFILE=full $(BIN)/python -m helpers record $(TABLE) $(if $(DATA),--data $(DATA)) $(AGAIN))
	@PROFILE=full $(BIN)/python -m helpers run $(NB)

seeds: setup ## (hours) run claims at other seeds where code has changed: SEEDS=0..19 NB="01 03" (ASK=--estimate: say how long)
	@$(BIN)/python -m helpers seeds $(SEEDS) $(NB) $(ASK)

claims: setup ## print the stored verdict of every claim
	@$(BIN)/python -m helpers claims

claim: setup ## explain one claim and run its cells: make claim ID=SC-T1
	@$(BIN)/python -m helpers claim $(ID)

lab: setup ## open the notebooks in JupyterLab
	@$(BIN)/python -m helpers lab

test: setup ## lint, unit tests, every notebook against its stored outputs, ledger and figure data against the stored ones
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PLAIN) $(ONE_THREAD) $(BIN)/pytest -q -n 2 --dist worksteal
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	$(PLAIN) STRICT=1 OUTPUT="$$fresh" PYTHONPATH="$(CURDIR)" $(ONE_THREAD) $(BIN)/pytest -q -p no:cacheprovider \
	    --nbval --nbval-current-env --nbval-sanitize-with=notebooks/sanitize.cfg --nbval-cell-timeout=600 -n 2 --dist loadfile notebooks && \
	$(PLAIN) $(BIN)/python -m helpers compare figures "$$fresh"

slow-test: setup ## of the unit tests those that take minutes: wrong formulas, claims in any order, processes, rows of tables
	@$(PLAIN) $(ONE_THREAD) $(BIN)/pytest -q -n 2 --dist worksteal -m slow

pulled: setup ## end runs, recordings and set-ups at random moments and look at what the next ones make of it
	@$(PLAIN) $(BIN)/python tests/pulled.py $(if $(NB),--only figures --notebook $(NB),--keep)

lane: setup ## (half an hour) tests and claims with other versions, in an environment of their own: NAME=oldest|newest (ALL=--all)
	@$(PLAIN) PYTHONPATH="$(CURDIR):$(CURDIR)/tests" $(BIN)/python -m lanes $(or $(NAME),oldest) $(ALL)

quick-test: setup ## the unit tests that take seconds (no notebook is run)
	@$(PLAIN) $(ONE_THREAD) $(BIN)/pytest -q -n 2 -m "not slow"

store: setup ## (maintainers) run, redraw every figure, and rewrite the outputs stored in the notebooks
	@$(BIN)/python -m helpers store $(NB)

paper: setup ## lay out a new paper with one example claim and store its first run: make paper NAME=06_short_name
	@$(BIN)/python -m helpers paper "$(NAME)" && $(BIN)/python -m helpers store "$(NAME)"

record: setup ## record a longer table, resuming what is there (AGAIN=--again: anew): make record TABLE=kernel_infonce_digits
	@$(BIN)/python -m helpers record $(TABLE) $(if $(DATA),--data $(DATA)) $(AGAIN)

gpu: ## run the live training cells on a GPU and measure its speed, eight minutes, no set-up (TINY=--tiny: a trial on the CPU)
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) -m helpers gpu $(TINY)

bench: setup ## measure ours beside its peers (QUICK=--quick: small sizes only); rewrites benchmarks/README.md
	@$(BIN)/python -m benchmarks.environment $(QUICK)

mutants: setup ## put random wrong formulas in and see what catches them (hours; goes on where it stopped; SHARE=, SEED=, PACKAGE=)
	@$(PLAIN) $(ONE_THREAD) PYTHONPATH="$(CURDIR):$(CURDIR)/tests" nice -n 19 $(BIN)/python -m mutants \
	    $(if $(SHARE),--share $(SHARE)) $(if $(SEED),--seed $(SEED)) $(if $(PACKAGE),--package $(PACKAGE))

site: ## build the static site into build/site (needs Node.js and graphviz)
	@$(PYTHON) site/build.py

slides: ## build a deck, a handout and homework for every essay into build/slides (needs Node.js and graphviz)
	@$(PYTHON) site/build.py --slides

pdf: ## print essays, handouts and homework as PDF into build/pdf (after make site and make slides; needs Chromium)
	@$(PYTHON) site/build.py --pdf

site-test: ## look at the built site and slides in headless Chromium
	@$(PYTHON) site/build.py --test

clean: ## remove the environment and everything built
	@rm -rf .venv build *.egg-info .pytest_cache .ruff_cache
