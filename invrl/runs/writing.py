"""Who may write in a directory, and how a log grows: one writer at a time, one whole line after the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from invrl.errors import InvrlError
from invrl.runs import strict


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Hold a directory while writing in it; the lock goes with the process, however it ends.

    Raises:
        InvrlError: another process holds it, or a link in it leads elsewhere.
    """
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            if os.path.islink(os.path.join(folder, name)):
                text = f"{os.path.join(folder, name)} is a link: nothing is written through it"
                raise InvrlError(text, hint="put the file itself there")
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InvrlError(
            f"another command is writing in {path}", hint="wait until it ends, or choose another --name"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Add a record to a log; what a kill left of the line before is cut off first."""
    with path.open("a+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        file.write(strict.text(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def checked_name(name: str) -> str:
    """The name of a new directory, which stays below the folder it is made in.

    Raises:
        InvrlError: it leads elsewhere.
    """
    if Path(name).name != name or name in (".", ".."):
        raise InvrlError(f"--name `{name}` is not one name", hint="a folder goes to --out")
    return name
