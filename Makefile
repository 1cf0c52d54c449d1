PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SHIP := trainer.logger.init_args.save_dir=outputs/networks

.DEFAULT_GOAL := help
.PHONY: help quickstart train networks test test-browser test-all lint bench clean

help:  ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

$(STAMP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(STAMP)

quickstart: $(STAMP)  ## Install, teach the network that ships a new painting offline, make a before/after picture
	$(BIN)/python -m stylenet.cli.quickstart

train: $(STAMP)  ## Train with the best ingredients at hand: make train ARGS="style=great_wave"
	$(BIN)/python train.py $(or $(ARGS),style=starry_night)

networks: $(STAMP)  ## Train every network that ships, from scratch (hours), into outputs/networks
	$(BIN)/python train.py model=multistyle recipe=ship $(SHIP)
	$(BIN)/python train.py model=adain recipe=ship_adain $(SHIP)
	$(BIN)/python train.py model=adain recipe=ship_adain $(SHIP) trainer.max_steps=12000 model.reconstruction_steps=0 \
	    model.temporal_weight=12 model.content_weight=1.3 model.style_weight=17 model.lr=7e-4 model.lr_cooldown=3500 \
	    'model.exchange=[relu4_1,relu3_1,relu2_1]' \
	    model.init_from=outputs/networks/adain/version_0/stylizer.safetensors
	for style in starry_night great_wave; do $(BIN)/python train.py style=$$style recipe=ship_single $(SHIP) \
	    model.init_from=outputs/networks/multistyle/version_0/stylizer.safetensors || exit; done
	$(BIN)/python train.py style=starry_night recipe=film $(SHIP) trainer.max_steps=3470 model.style_weight=15 \
	    model.temporal_weight=45 model.lr_cooldown=250 \
	    model.init_from=outputs/networks/starry_night/version_0/stylizer.safetensors
	$(BIN)/python train.py style=great_wave recipe=film $(SHIP) trainer.max_steps=850 model.style_weight=16 model.style_size=320 \
	    model.init_from=outputs/networks/great_wave/version_0/stylizer.safetensors
	$(BIN)/python train.py model=multistyle recipe=film $(SHIP) trainer.max_steps=2400 model.style_weight=14 \
	    model.temporal_weight=42 model.lr_cooldown=800 \
	    model.init_from=outputs/networks/multistyle/version_0/stylizer.safetensors
	$(BIN)/python train.py model=multistyle recipe=film $(SHIP) model.only=great_wave trainer.max_steps=300 \
	    model.style_weight=20 model.style_size=320 model.temporal_weight=40 model.lr_cooldown=120 \
	    model.init_from=outputs/networks/multistyle/version_1/stylizer.safetensors

test: $(STAMP)  ## Run the quick tests, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-browser: $(STAMP)  ## Run the quick tests of the page in a real browser (Debian's package chromium)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m 'browser and not slow' tests/web

test-all: $(STAMP)  ## Run every test, the slow ones and those of browser, cluster and GPU too
	$(BIN)/python -m pytest -n 2 --dist loadfile -m ''

lint: $(STAMP)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)  ## Print speed, memory and losses of training, and of loading, beside those of a plain PyTorch loop
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/loader.py

clean:  ## Remove what training and tests leave behind
	rm -rf outputs .pytest_cache .mypy_cache .ruff_cache
