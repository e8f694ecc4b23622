"""What a device kit is called, and the files in it."""

from __future__ import annotations

from todus import layout

FORMATS = TFLITE, ONNX, UFF = ("tflite", "onnx", "uff")
PROGRAM, README, REQUIREMENTS = "detect.py", "README.md", "requirements.txt"
DESCRIPTION = "model.json"  # what a program cannot read from the model file itself
FILES = {PROGRAM, README, REQUIREMENTS, DESCRIPTION, layout.LABELS}  # besides the model's
MADE_BY = "Made by Todus"  # in the README; a folder without it is not of ours
