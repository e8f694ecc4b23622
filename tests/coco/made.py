"""What tests of making datasets look at: files, and how a command ended."""

from __future__ import annotations

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def failed(run, status: int, *words: str) -> None:
    """One line on stderr with these words, no traceback, this exit status."""
    assert run.returncode == status, run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("todus: ")
    for word in words:
        assert word in run.stderr
