"""What the converter says meanwhile, in the words that users of NVIDIA's know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Log:
    """Prints on stdout. `quiet` says nothing at all, `verbose` every node too."""

    quiet: bool = False
    verbose: bool = False

    def say(self, text: str) -> None:
        if not self.quiet:
            print(text)

    def detail(self, text: str) -> None:
        if self.verbose:
            self.say(text)
