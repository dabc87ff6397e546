# binnode: the two commands that matter are `make run` and `make test`.
# Each target installs just what it needs into build/venv, pinned by
# host_tools/constraints.txt.
#
#   make run BIN=1511199 DAYS=14 SEED=1 BOARD=esp32_devkit
#   make deploy PORT=/dev/ttyUSB0

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null) python3)
VENV   := build/venv
VBIN   := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/host_tools/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
INSTALL := $(VBIN)/python -m pip install --quiet
SETUP   := $(VENV)/.made host_tools/pyproject.toml host_tools/constraints.txt

# Many tests wait for a port in real time: one worker more than there are cores.
JOBS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
BOARD_OPTION = $(if $(BOARD),--board $(BOARD))
RUN_OPTIONS  = $(if $(BIN),--bin $(BIN)) $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED)) \
               $(BOARD_OPTION) $(if $(THERMOMETER),--thermometer $(THERMOMETER)) \
               $(if $(TRANSPORT),--transport $(TRANSPORT)) $(if $(REGION),--region $(REGION))

.PHONY: run test lint bench soak image flash deploy clean help
.DEFAULT_GOAL := help

help:
	@echo 'make run      two weeks of a real bin on the virtual board, reports over LoRaWAN (no hardware)'
	@echo '              BIN=1511199 DAYS=14 SEED=1 BOARD=heltec_v3 THERMOMETER=ds18b20|chip'
	@echo '              TRANSPORT=lorawan|wifi REGION=EU868|US915|KR920|...'
	@echo 'make test     everything that proves it works (JOBS=2)'
	@echo 'make lint     style and types'
	@echo 'make bench    heap, bytes, instructions, milliseconds, millicoulombs'
	@echo 'make soak     a year of a node with faults of every kind, every cut, every stall: build/soak (an hour)'
	@echo '              DAYS=365 SEED=1 ONLY="year cuts random stalls lora loracuts update calibration"'
	@echo 'make image    the flash file system image, build/image (BOARD=...)'
	@echo 'make flash    MicroPython and the application onto a blank board (PORT=..., BOARD=..., BUILD=the .bin)'
	@echo 'make deploy   copy the application to a board that runs MicroPython (PORT=..., BOARD=...)'
	@echo 'make clean    remove build/'

run: $(VENV)/.sim
	@$(VBIN)/binnode sim run $(RUN_OPTIONS)

test: $(VENV)/.test
	@$(VBIN)/python -m pytest -c tests/pytest.ini tests -n $(JOBS)

lint: $(VENV)/.lint
	@$(VBIN)/ruff check firmware host_tools tests
	@$(VBIN)/ruff format --check firmware host_tools tests
	@$(VBIN)/basedpyright -p host_tools/pyright_firmware.json
	@$(VBIN)/basedpyright -p host_tools/pyright_host.json

bench: $(VENV)/.sim
	@$(VBIN)/python -m tests.bench $(BOARD_OPTION)

soak: $(VENV)/.test
	@$(VBIN)/python -m tests.soak $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

image: $(VENV)/.base
	@$(VBIN)/binnode image --fs-only $(BOARD_OPTION)

flash: $(VENV)/.base
	@$(VBIN)/binnode flash $(if $(PORT),--port $(PORT)) $(BOARD_OPTION) $(if $(BUILD),--micropython $(BUILD))

deploy: $(VENV)/.base
	@$(if $(PORT),,echo 'make deploy: say where the board is, for example: make deploy PORT=/dev/ttyUSB0' >&2; exit 2;) \
	$(VBIN)/binnode deploy --port $(PORT) $(BOARD_OPTION)

clean:
	rm -rf build

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'binnode needs Python 3.11 or newer; this is' "$$($(PYTHON) --version 2>&1)."; \
	    echo 'Name one: make PYTHON=/path/to/python3.11 ...'; exit 1; } >&2
	@echo 'Setting up build/venv (once)'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.base: $(SETUP)
	@$(INSTALL) -e host_tools
	@touch $@

$(VENV)/.sim: $(SETUP)
	@$(INSTALL) -e 'host_tools[sim]'
	@touch $@ $(VENV)/.base

$(VENV)/.test: $(SETUP)
	@$(INSTALL) -e 'host_tools[sim,test]'
	@touch $@ $(VENV)/.base $(VENV)/.sim

$(VENV)/.lint: $(SETUP)
	@$(INSTALL) -e 'host_tools[sim,test,lint]'
	@touch $@ $(VENV)/.base $(VENV)/.sim $(VENV)/.test
