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

CATEGORIES ?= person bicycle car motorcycle airplane bus train truck boat ## what to keep, or for eval, where you name them, to score; with commas where a name has a space
SPLITS ?= train val ## which parts of COCO: train, val, testdev
JSON ?= ## 1 makes categories, models and detect print JSON
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
SCALE_LEARNING_RATE ?= 0 ## 1 multiplies it by BATCH_SIZE / the pipeline's batch size
SAVE_EVERY ?= 10m ## a checkpoint every so many steps, like 500, or every 30s, 10m, 2h
KEEP ?= 5 ## checkpoints of training that are kept, beside the first and the best
EVAL_EVERY ?= ## evaluate while training, every so many steps, like 500, or every 30s, 10m, 2h
EVAL_IMAGES ?= ## how many validation images to evaluate then, and by benchmark (default: all)
UNTIL_AP ?= ## stop training when this AP is reached, like 0.35, or pretrained: that of the zoo's own model
PATIENCE ?= ## stop training when AP has not risen for so many evaluations
BACKGROUND ?= 0 ## 1 trains on without the terminal
PRECISION ?= auto ## of training's calculations: auto, float32, bfloat16, float16
XLA ?= 0 ## 1 compiles training with XLA
SYNC ?= 0 ## 1 has several workers wait for each other at each step
WORKERS ?= ## processes of this machine that train together (default: one for each GPU); many machines: TF_CONFIG, see README
PORT ?= 6006 ## where TensorBoard can be reached
LISTEN ?= localhost ## from where: localhost is this machine alone, 0.0.0.0 the network
GRAPH ?= ## what to evaluate or convert: pretrained, exported, a .pb file; for eval and detect also training (default), best, saved-model, tflite, onnx, a file of these, for eval several; for benchmark some of pretrained exported saved-model float32 float16 dynamic int8 uint8 onnx uff
CHECKPOINT ?= ## which checkpoint, like model.ckpt-123, or best (default: the newest)
CHECKPOINT_PREFIX ?= ## another name for CHECKPOINT
TFLITE ?= ## kinds of .tflite: float32, float16, dynamic, int8, uint8 (default: uint8 if quantized, else float32)
NMS ?= ## how to suppress: for TensorFlow Lite fast (default), all classes together, or regular; for ONNX onnx (default), tensorrt, none
MAX_DETECTIONS ?= ## in an image, by TensorFlow Lite (default: the pipeline's)
POSTPROCESS ?= 1 ## 0 leaves decoding and suppression out of the graph for TensorFlow Lite
INPUT ?= uint8 ## of ONNX: uint8, pixels as they are, or float, normalised
LAYOUT ?= nhwc ## of the image for ONNX: nhwc or nchw
BATCH ?= 1 ## images at once, for ONNX: 1 or dynamic
OPSET ?= 13 ## version of ONNX's operations, 13 to 18
PREPROCESS ?= 0 ## 1 has ONNX take images of any size
TEXT ?= 0 ## 1 writes what was converted as text too
PLUGINS ?= trt8 ## the plugins to write UFF for, those of TensorRT 5 and 6, 7, or 8: trt5, trt7, trt8
THRESHOLD ?= ## drop lower scores, like 0.3 (default: the pipeline's; for detect 0.3)
CONFIG ?= ## a script whose preprocess(dynamic_graph) prepares the graph for UFF instead of Todus
THREADS ?= ## that benchmark gives each format (default: one for each core)
FORMAT ?= tflite ## of the model in the device kit: tflite, onnx, uff
IMAGE ?= ## where to detect: an image, a folder of images, or a video
OUTPUT ?= ## the folder for what detect draws (default: detected/ of the model)
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
	QUANT_DELAY STEPS BATCH_SIZE LEARNING_RATE SCALE_LEARNING_RATE SAVE_EVERY KEEP EVAL_EVERY EVAL_IMAGES UNTIL_AP \
	PATIENCE BACKGROUND PRECISION XLA SYNC WORKERS PORT LISTEN GRAPH CHECKPOINT CHECKPOINT_PREFIX TFLITE NMS \
	MAX_DETECTIONS POSTPROCESS INPUT LAYOUT BATCH OPSET PREPROCESS TEXT PLUGINS THRESHOLD CONFIG THREADS FORMAT \
	IMAGE OUTPUT COCO_URL ZOO_URL TODUS_HOME PYTHON GPU VENV OBJECT_DETECTION_DIR SAMPLE TESTS

# Which of them the user has set. (By what follows they all become overrides.)
export TODUS_GIVEN := $(foreach name,$(VARIABLES),$(if $(filter file,$(origin $(name))),,$(name)))

# Values of the user's are taken literally, so that a $ or a quote in them means itself: make does not expand them
# and no recipe mentions them. (Defaults of this file are expanded, and end before their ##.)
literal = $(if $(filter file,$(origin $1)),$(strip $($1)),$(value $1))
$(foreach name,$(VARIABLES),$(eval override $(name) := $$(call literal,$(name))))
export $(VARIABLES)
# Tells scripts/util.sh that make has called, and which variables are meant for it alone.
export TODUS_VARIABLES := $(VARIABLES)

# --- verbs -----------------------------------------------------------------------------------------------------------

.PHONY: help install doctor demo categories dataset-limited dataset-complete models model status train eval export
.PHONY: export-tflite convert-tflite convert-onnx convert-uff test lint bench-dataset bench-eval bench-train bench-tflite
.PHONY: clean clean-dataset clean-model clean-venv
.PHONY: train-status train-stop tensorboard benchmark detect device-kit

help: ## this list
	@scripts/help.sh

install: _environment ## set up the Python environment (every verb does it when needed)
	@scripts/install.sh

doctor: _environment ## what is missing on this machine, and how to mend it
	@scripts/doctor.sh

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

train-status: _environment ## whether training runs, how far it is, and how good the model is by now
	@scripts/train-status.sh

train-stop: _environment ## have training save and end
	@scripts/train-stop.sh

tensorboard: _environment ## show the training of a model in a browser
	@scripts/tensorboard.sh

eval: _environment ## COCO's figures of GRAPH, or of several side by side, and a report
	@scripts/eval.sh

detect: _environment ## show what the model finds in IMAGE, images or a video of your own
	@scripts/detect.sh

export: _environment ## write the inference graph of a checkpoint
	@scripts/export.sh

export-tflite: _environment ## write the graph that convert-tflite takes
	@scripts/export-tflite.sh

convert-tflite: _environment ## write the exported model for TensorFlow Lite
	@scripts/convert-tflite.sh

convert-onnx: _environment ## write the model as ONNX, for onnxruntime, TensorRT 8 and later, and others
	@scripts/convert-onnx.sh

convert-uff: _environment ## write the exported model for TensorRT 5 to 8 (UFF)
	@scripts/convert-uff.sh

benchmark: _environment ## put all formats of the model side by side: size, AP, milliseconds
	@scripts/benchmark.sh

device-kit: _environment ## write a folder to copy to a device: the model and a program that runs it there
	@scripts/device-kit.sh

test: _tools ## run the tests
	@scripts/test.sh

bench-dataset: _environment ## time datasets beside the API's writer, plain json, and fetching one by one
	@scripts/bench-dataset.sh

bench-eval: _environment ## time the evaluation of a frozen graph beside one image after the other
	@scripts/bench-eval.sh

bench-train: _environment ## time a step of training beside the plain loop, and the cut head beside a fresh one
	@scripts/bench-train.sh

bench-tflite: _environment ## measure each kind of .tflite file beside the frozen graph, on the demo's model
	@scripts/bench-tflite.sh

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
	@for name in TODUS_VARIABLES TODUS_GIVEN $$TODUS_VARIABLES; do printf '%s=%q\n' "$$name" "$${!name}"; done
endif
