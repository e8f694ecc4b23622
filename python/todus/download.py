"""The one downloader: it resumes what was cut off, tries again, and never leaves half a file under the final name."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from todus.downloading.local_copy import Copy, local_path
from todus.downloading.many_transfers import Many, affordable
from todus.downloading.transfer import Check, Transfer
from todus.downloading.transport import LOOPBACK, PATIENT, NoRange, NotFound, Patience, TryAgain
from todus.errors import WorldError
from todus.progress import Progress

__all__ = ["LOOPBACK", "PATIENT", "WORKERS", "NoRange", "NotFound", "Patience", "fetch", "fetch_all", "local_path"]

WORKERS = 32  # files fetched at once by fetch_all


def fetch(
    url: str,
    target: Path,
    what: str = "",
    show_progress: bool = True,
    patience: Patience = PATIENT,
    check: Check | None = None,
    window: tuple[int, int] | None = None,
) -> bool:
    """Fetch `url` (http, https or file) to `target`; False if it was there already.

    What has come lies in `target.part` until it is whole, and the next call goes on from there if the server can
    (`target.part.json` says which version of the file it belongs to). `what` names the file in the progress bar.
    `check` is called on the whole `target.part`; if it returns what is wrong, the file is thrown away and fetched anew.
    `window` takes the bytes from the first number up to the second (not included) only.

    Raises NotFound (404), NoRange (a window, and the server sends whole files only), WorldError (tried often enough, or
    the disk is too small), UserError (not a URL that can be fetched).
    """
    if target.exists():
        return False
    local = local_path(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    if local is not None:
        Copy(url, local, target, check, window).attempt()
        return True
    with ExitStack() as closing:

        def show(have: int, length: int | None) -> Progress:
            return closing.enter_context(Progress(what or target.name, length, "B", have))

        transfer = Transfer(url, target, patience, window, check, show=show if show_progress else None)
        while True:
            try:
                transfer.attempt()
                return True
            except TryAgain as problem:
                time.sleep(transfer.failed(problem))


def fetch_all(
    pairs: Iterable[tuple[str, Path]],
    workers: int = WORKERS,
    what: str = "images",
    patience: Patience = PATIENT,
    check: Check | None = None,
    total: int | None = None,
) -> int:
    """Fetch many (url, target) pairs, `workers` at once, under one progress bar; returns how many were fetched.

    The files are small: one that is cut off is begun anew. `total` is how many bytes they have together, as far as
    that is known. Targets that are there already cost nothing. One file that fails does not stop the others, so that
    the next run has less to do; ten failures do. Of several addresses for one target the first counts.

    Raises WorldError (NotFound if nothing else went wrong) that counts what is missing and quotes the first failure.
    On Ctrl-C nothing is waited for: what is on its way ends with the process.
    """
    unique: dict[Path, str] = {}
    for url, target in pairs:
        unique.setdefault(target, url)
    wanted = [(url, target) for target, url in unique.items() if not target.exists()]
    if not wanted:
        return 0
    for folder in {target.parent for _, target in wanted}:
        folder.mkdir(parents=True, exist_ok=True)
    files_to_come = Many(wanted, affordable(workers), patience, check)
    with Progress(what, total, "B") as bar:
        files_to_come.run(bar)
    if files_to_come.failures:
        raise _failure(files_to_come, wanted, what)
    return len(wanted)


def _failure(many: Many, wanted: Sequence[tuple[str, Path]], what: str) -> WorldError:
    """All failures as one error."""
    failures = many.failures
    kind = NotFound if all(isinstance(failure, NotFound) for failure in failures) else WorldError
    if len(wanted) == 1:
        return kind(str(failures[0]))
    count = f"{len(failures)} of {len(wanted)} {what} could not be fetched"
    if many.gave_up:
        missing = sum(not target.exists() for _, target in wanted)
        count = f"stopped after {len(failures)} failures; {missing} of {len(wanted)} {what} are still missing"
    return kind(f"{count}; the first: {failures[0]}")
