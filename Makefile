# The table of contents of Todus: each verb runs the script of its name in scripts/, each variable reaches it
# through the environment. `make help` prints the text behind the ## of both, with the values in force.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# `make model train eval export` runs in the order given, with -j too.
.NOTPARALLEL:

# --- variables -------------------------------------------------------------------------------------------------------

CATEGORIES ?= person bicycle car motorcycle airplane bus train truck boat ## what to keep; with commas where a name has a space
SPLITS ?= train val ## which parts of COCO: train, val, testdev
JSON ?= ## 1 makes categories and models print JSON
FETCH ?= auto ## images, archive, or auto: whichever moves fewer bytes
CONNECTIONS ?= 32 ## images fetched at once
NEGATIVES ?= 0 ## keep this share of the images without any of CATEGORIES too, like 0.1
MASKS ?= 0 ## 1 writes instance masks into the records
PREVIEW ?= 1 ## 0 draws no preview.png and no categories.png
DATASET ?= limited ## what the model is prepared for: limited or complete
MODEL ?= ## a model of the zoo by name; make models lists them
MODEL_DIR ?= ## a prepared model by its folder, instead of MODEL
QUANTIZE ?= ## 1 configures training with fake quantization, 0 without (default: as the model has it)
QUANT_DELAY ?= ## steps before fake quantization sets in (default: 0, or the model's)
STEPS ?= ## train until this step (default: the pipeline's)
BATCH_SIZE ?= ## images a step (default: the pipeline's)
LEARNING_RATE ?= ## where the learning rate starts (default: the pipeline's)
GRAPH ?= ## what to evaluate or convert: pretrained, exported, or a .pb file (default: eval the newest checkpoint)
CHECKPOINT ?= ## which checkpoint, like model.ckpt-123 (default: the newest)
CHECKPOINT_PREFIX ?= ## another name for CHECKPOINT
TEXT ?= 0 ## 1 writes what was converted as text too
PLUGINS ?= trt8 ## the plugins to write UFF for, those of TensorRT 5 and 6, 7, or 8: trt5, trt7, trt8
THRESHOLD ?= ## drop lower scores, like 0.3 (default: the pipeline's)
CONFIG ?= ## a script whose preprocess(dynamic_graph) prepares the graph for UFF instead of Todus
COCO_URL ?= http://images.cocodataset.org ## COCO or a mirror of it, http(s) or file
ZOO_URL ?= http://download.tensorflow.org/models/object_detection ## the zoo or a mirror of it, http(s) or file
TODUS_HOME ?= $(CURDIR) ## the folder that holds dataset/ and model/
PYTHON ?= ## the interpreter to set up with (default: the newest of 3.10 to 3.13 that runs)
GPU ?= ## 1 sets up TensorFlow with CUDA, 0 without (default: what is there, or without)
VENV ?= .venv ## the Python environment; one that Todus has not made is used as it is
OBJECT_DETECTION_DIR ?= ## a checkout of tensorflow/models/research to use instead of the installed API
SAMPLE ?= ## COCO images for the benchmarks, a folder in COCO's layout (default: drawn ones)
TESTS ?= tests ## what make test runs, and options of pytest

VARIABLES := CATEGORIES SPLITS JSON FETCH CONNECTIONS NEGATIVES MASKS PREVIEW DATASET MODEL MODEL_DIR QUANTIZE \
	QUANT_DELAY STEPS BATCH_SIZE LEARNING_RATE GRAPH CHECKPOINT CHECKPOINT_PREFIX TEXT PLUGINS THRESHOLD CONFIG \
	COCO_URL ZOO_URL TODUS_HOME PYTHON GPU VENV OBJECT_DETECTION_DIR SAMPLE TESTS

# Values of the user's are taken literally, so that a $ or a quote in them means itself: make does not expand them
# and no recipe mentions them. (Defaults of this file are expanded, and end before their ##.)
literal = $(if $(filter file,$(origin $1)),$(strip $($1)),$(value $1))
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(call literal,$(name))))
export $(VARIABLES)
# Tells scripts/util.sh that make has called, and which variables are meant for it alone.
export TODUS_VARIABLES := $(VARIABLES)

# --- verbs -----------------------------------------------------------------------------------------------------------

.PHONY: help install demo categories dataset-limited dataset-complete models model status train eval export
.PHONY: convert-uff test lint bench-dataset clean clean-dataset clean-model clean-venv

help: ## this list
	@scripts/help.sh

install: _environment ## set up the Python environment (every verb does it when needed)
	@scripts/install.sh

demo: _environment ## the whole road on a generated mini-COCO, offline, in minutes
	@scripts/demo.sh

categories: _environment ## images, boxes and bytes of every category, before anything large is fetched
	@scripts/categories.sh

dataset-limited: _environment ## fetch and write the images and boxes of CATEGORIES only
	@scripts/dataset-limited.sh

dataset-complete: _environment ## fetch and write all of COCO
	@scripts/dataset-complete.sh

models: _environment ## the zoo: name, input, published COCO mAP and time
	@scripts/models.sh

model: _environment ## fetch MODEL, cut its head to the categories of DATASET
	@scripts/model.sh

status: _environment ## what is there of MODEL, and what can be run next
	@scripts/status.sh

train: _environment ## go on training from the newest checkpoint
	@scripts/train.sh

eval: _environment ## COCO's summary and the AP of every category
	@scripts/eval.sh

export: _environment ## write the inference graph of a checkpoint
	@scripts/export.sh

convert-uff: _environment ## write the exported model for TensorRT 5 to 8 (UFF)
	@scripts/convert-uff.sh

test: _tools ## run the tests
	@scripts/test.sh

bench-dataset: _environment ## time datasets beside the API's writer, plain json, and fetching one by one
	@scripts/bench-dataset.sh

lint: _tools ## check the form of Python, shell and Makefile
	@scripts/lint.sh

clean: ## remove caches and the demo's folder
	@scripts/clean.sh

clean-dataset: ## remove the written datasets, never what came from COCO
	@scripts/clean-dataset.sh

clean-model: ## remove evaluation and exports of a model, never its training
	@scripts/clean-model.sh

clean-venv: ## remove the Python environment
	@scripts/clean-venv.sh

# --- the Python environment ------------------------------------------------------------------------------------------
# Each stamp is written last, so that an interrupted set-up counts as none.

ifeq ($(strip $(VENV)),)
$(error VENV is empty; it must be the path of a folder)
endif
# As make wants a path with spaces written. The recipes go by the variable itself, from the environment.
venv := $(subst $() ,\ ,$(VENV))

# Todus builds what is missing or carries its mark; any other environment is the user's own and is left as it is.
own := $(if $(wildcard $(venv)/bin/python),$(wildcard $(venv)/made-by-todus),new)
flavour := $(if $(filter 1,$(GPU)),gpu,$(if $(GPU),cpu,$(if $(wildcard $(venv)/installed-gpu),gpu,cpu)))

.PHONY: _nothing _environment _tools _foreign _python
_environment: $(if $(own),$(venv)/installed-$(flavour),_foreign)
_tools: _environment $(if $(own),$(venv)/installed-tests)

# A PYTHON that is asked for by name has to be compared with the one in the environment each time.
$(venv)/installed-cpu $(venv)/installed-gpu: requirements.txt $(if $(PYTHON),_python)
	@scripts/build-venv.sh $(lastword $(@F)) $?

$(venv)/installed-tests: tests/requirements.txt $(venv)/installed-$(flavour)
	@scripts/build-venv.sh installed-tests

_foreign:
	@scripts/build-venv.sh $@

# What a script that was called directly asks for: the same set-up, then the values in force.
ifdef TODUS_ASKS
_nothing _environment _tools:
	@for name in TODUS_VARIABLES $$TODUS_VARIABLES; do printf '%s=%q\n' "$$name" "$${!name}"; done
endif
