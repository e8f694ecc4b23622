"""What a device kit is called, and the files in it."""

from __future__ import annotations

FORMATS = TFLITE, ONNX, UFF = ("tflite", "onnx", "uff")
PROGRAM, README, REQUIREMENTS = "detect.py", "README.md", "requirements.txt"
DESCRIPTION = "model.json"  # what a program cannot read from the model file itself
SUMS = "SHA256SUMS"  # of all other files, as sha256sum writes it; a folder without it is no kit
ENVIRONMENT = ".venv"  # what the README has people make there
CACHE = "__pycache__"
