# The entry points of this repository. `make demo` and `make test` install what they need first; a second run takes seconds.
# Whatever needs root asks sudo for it: the packages in scripts/bootstrap.sh, the containers in lab/lab.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-quick cores lab tools clean

PYTHON := .venv/bin/python

help: ## Say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: ## Build the estate, back it up, lose its primary site, recover it, prove the morning, hand over the reports
	@bash scripts/demo.sh

test: ## Prove source, sanity, roles, backups, faults and drills from a bare machine; OPS_PROOFS=all adds what it leaves out
	@bash scripts/bootstrap.sh
	@$(PYTHON) scripts/stages.py full

test-quick: tools ## Prove the source and its rules, without root, in about three minutes
	@$(PYTHON) scripts/stages.py quick

cores: tools ## Prove the collection on ansible-core 2.20 and 2.21, where a Python 3.12 is found
	@bash scripts/cores.sh

lab: ## Build, start and provision the lab
	@bash scripts/bootstrap.sh
	@bash scripts/estate.sh

tools:
	@bash scripts/bootstrap.sh tools

clean: ## Remove every trace: containers, networks, image, tools, the labs' reports; evidence of other environments stays
	@bash scripts/clean.sh
