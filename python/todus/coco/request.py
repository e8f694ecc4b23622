"""What the user asks of `make dataset-limited` and `make dataset-complete`."""

from __future__ import annotations

from dataclasses import dataclass

from todus import download
from todus.coco import raw_data

NAMES = ("complete", "limited")
SEED = 0  # of the negatives: the same ones each time


@dataclass(frozen=True)
class Request:
    """What the user asked for. `categories` is the text as typed; None for a complete dataset."""

    name: str
    categories: str | None
    splits: tuple[str, ...]
    coco_url: str = raw_data.DEFAULT_URL
    fetch: str = raw_data.AUTO
    connections: int = download.WORKERS
    negatives: float = 0.0
    masks: bool = False
    preview: bool = True
    processes: int | None = None  # that write records; None: one a core
