PYTHON ?= python3
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test scale faults mutants check fmt migrate reset bench messages protos docs lock

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: # what `make run` needs: virtual environment, pinned packages, assets, translations
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is missing: on Debian, run 'apt-get install python3 python3-venv' as root."; exit 1; }
	@$(PYTHON) scripts/setup.py

setup-dev: setup # what tests and lint need on top
	@$(PYTHON) scripts/setup.py --dev

run: setup ## start the whole shop on http://127.0.0.1:8000 (PORT=9000 for another port)
	@exec $(VENV)/python -m app.embedded run

test: setup-dev ## run every test, browser tests included (ARGS="-k basket" for some)
	@scripts/test.sh $(ARGS)

scale: setup-dev ## run the tests that fill a store with what takes minutes
	@scripts/test.sh -n0 -m scale $(ARGS)

faults: setup-dev ## make N=300 random sales while parts of the shop are killed (SEED=… once more)
	@N=$(N) SEED=$(SEED) $(VENV)/python -m tests.faults

mutants: setup-dev ## take out one protection after the other; a test must notice each (ARGS="lock")
	@$(VENV)/python -m tests.mutants $(ARGS)

check: setup-dev ## lint, types, import contracts, templates, translations
	@scripts/check.sh

fmt: setup-dev ## format Python
	@scripts/format.sh

migrate: setup ## write a migration from the models (M="add order lines")
	@$(VENV)/python -m app.embedded exec flask db migrate -m "$(M)"

reset: setup ## delete all data of the local shop (instance/)
	@$(VENV)/python -m app.embedded reset

bench: setup-dev ## measure and print the table
	@$(VENV)/python -m bench $(ARGS)

messages: setup-dev ## bring the translation catalogues up to date with the words in use
	@scripts/messages.sh

protos: setup-dev ## write Python from the gRPC contract below proto/
	@$(VENV)/python scripts/protos.py

docs: setup-dev ## rewrite what is documented from the code: settings, licenses, the OpenAPI document
	@$(VENV)/python scripts/document_settings.py
	@$(VENV)/python scripts/document_api.py
	@$(VENV)/python scripts/document_licenses.py

lock: setup-dev ## resolve requirements*.in to the newest versions, with hashes
	@scripts/lock.sh
