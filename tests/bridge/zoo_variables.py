"""Names and shapes of the variables that the zoo's checkpoints have, from zoo_variables_*.tsv."""

from __future__ import annotations

import json
from pathlib import Path


def of(network: str) -> dict[str, list[int]]:
    """The variables of SSD on mobilenet `v1` or `v2` or on `inception_v2`, at 300x300 and 90 classes.

    global_step is not one of the detector's.
    """
    text = Path(__file__).with_name(f"zoo_variables_{network}.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {name: json.loads(shape) for name, shape in rows if name != "global_step"}
