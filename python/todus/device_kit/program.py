"""The program of a device kit: one file, put together of a program in examples/ and the modules there that it imports.

So what programs share is written once, and on the device each of them is one file.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).with_name("examples")
_ENTRY = 'if __name__ == "__main__":\n'
_NOTE_FOR_LINT = "  # noqa: F401  (common.py's)"


@dataclass(frozen=True)
class Source:
    """A module of examples/, taken apart.

    head: its docstring, and what it imports from the future.
    standard: what it imports from the standard library, a line each. modules: which of examples/ it imports.
    body: all that follows; a program imports other packages there, and says what to install where they are missing.
    """

    head: str
    standard: list[str]
    modules: list[str]
    body: str


def text(example: str) -> str:
    """The whole program; `example` is its file's name without the suffix."""
    program, *shared = _with_modules(example, [])
    imports = set(program.standard).union(*(source.standard for source in shared))
    imported = "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line)))
    own, entry = program.body.replace(_NOTE_FOR_LINT, "").split(_ENTRY)
    bodies = [own, *(source.body for source in shared), _ENTRY + entry]
    return f"{program.head}\n\n{imported}\n\n" + "\n\n\n".join(body.strip() for body in bodies) + "\n"


def _with_modules(name: str, seen: list[str]) -> list[Source]:
    """The source of a module of examples/, and of all that it imports from there, each once."""
    seen.append(name)
    source = _taken_apart((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    found = [source]
    for module in source.modules:
        if module not in seen:
            found += _with_modules(module, seen)
    return found


def _taken_apart(code: str) -> Source:
    lines = code.splitlines(keepends=True)
    imports = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    imports = [node for node in imports if _root(node) != "__future__"]
    return Source(
        "".join(lines[: imports[0].lineno - 1]).strip(),
        [ast.unparse(node) for node in imports if _root(node) in sys.stdlib_module_names],
        [_root(node) for node in imports if (EXAMPLES / f"{_root(node)}.py").is_file()],
        "".join(lines[imports[-1].end_lineno :]),
    )


def _root(node: ast.Import | ast.ImportFrom) -> str:
    return (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
