# The entry points of this repository. `make demo` and `make test` install what they need first; a second run takes seconds.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-quick lab tools clean

# Containers with fixed addresses need root; everything below asks for it once, here.
ROOT := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo --preserve-env=CI,OPS_LAB_MIRROR,OPS_LAB_SECURITY_MIRROR)
PYTHON := .venv/bin/python

help: ## Say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: ## Build the estate, back it up, lose its primary site, recover it, hand over the report
	@$(ROOT) bash scripts/demo.sh

test: ## Prove everything, from a bare machine: source, sanity, roles, lab, drills (about 40 minutes)
	@$(ROOT) bash scripts/bootstrap.sh lab
	@$(ROOT) $(PYTHON) scripts/stages.py full

test-quick: tools ## Prove the source and its rules without root (about 3 minutes)
	@$(PYTHON) scripts/stages.py quick

lab: ## Build, start and provision the lab
	@$(ROOT) bash scripts/bootstrap.sh lab
	@$(ROOT) bash scripts/estate.sh

tools:
	@bash scripts/bootstrap.sh tools

clean: ## Remove every trace: containers, networks, image, virtual environment, reports
	@$(ROOT) bash scripts/clean.sh
