"""The weights whose formats are compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from todus.layout import Model


@dataclass(frozen=True)
class Wanted:
    """A checkpoint of a model, and what the user called it ("" for the newest)."""

    model: Model
    prefix: Path
    checkpoint_name: str = ""

    def is_older_than(self, path: Path) -> bool:
        """Whether the file at `path` was made after the checkpoint, and after the pipeline was last changed."""
        sources = (self.prefix.with_name(f"{self.prefix.name}.index"), self.model.pipeline)
        made_at = path.stat().st_mtime
        return all(source.stat().st_mtime <= made_at for source in sources)
