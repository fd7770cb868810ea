"""New files that appear whole or not at all, and text cells that no spreadsheet runs."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from invrl.errors import InvrlError

RUN = ("=", "@", "\t", "\r", "+", "-")
"""What a cell begins with that a spreadsheet takes for a formula."""
FIGURE = r"^[0-9.,%±*+\-eE ]+$"
"""... unless it is a figure, such as `-5` or `+1.2 ±0.3`."""


@contextmanager
def whole_file(path: Path, sync: bool = False) -> Iterator[Path]:
    """Where to write what becomes `path` at the end of the block; nothing stays after an error.

    Args:
        sync: on the disk before it takes the old file's place.

    Raises:
        InvrlError: the folder or the disk does not take it.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        _clear(path)
        yield partial
        if sync:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        if error.filename not in (None, str(path), str(partial)):
            raise
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def refuse_existing(path: Path) -> None:
    """Nothing that the user made is overwritten."""
    if path.exists():
        raise InvrlError(f"{path} exists already", hint="nothing is overwritten: choose another name")


def refuse_unwritable(path: Path) -> None:
    """Refuse the name of a new file that exists, or has no folder, before any work is done."""
    refuse_existing(path)
    if not path.parent.is_dir():
        raise InvrlError(f"there is no folder {path.parent}", hint="make it first")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def cannot_write(path: Path, error: OSError) -> InvrlError:
    why = error.strerror or str(error).splitlines()[0]
    return InvrlError(f"cannot write {path}: {why}", hint="make room, or write to another folder")


def _clear(path: Path) -> None:
    """Remove what killed processes left of the same file."""
    for old in path.parent.glob(f"{glob.escape(path.name)}.*.partial"):
        pid = old.name.split(".")[-2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            old.unlink(missing_ok=True)


def guarded(text: str) -> str:
    """A text cell for CSV: one that a spreadsheet would run gets a leading quote character."""
    return f"'{text}" if text.startswith(RUN) and not re.match(FIGURE, text) else text


def guarded_table(table: Any) -> Any:
    """The same for all text columns of a `pyarrow.Table`."""
    import pyarrow as arrow
    import pyarrow.compute as pc

    for index, kind in enumerate(table.schema.types):
        if not arrow.types.is_string(kind):
            continue
        column = table.column(index)
        runs = pc.and_(
            pc.match_substring_regex(column, r"^[=@\t\r+\-]"),
            pc.invert(pc.match_substring_regex(column, FIGURE)),
        )
        if pc.any(runs).as_py():
            quoted = pc.binary_join_element_wise("'", column, "")
            table = table.set_column(index, table.schema.field(index), pc.if_else(runs, quoted, column))
    return table


def unguarded(text: str) -> str:
    """The cell as it was before `guarded`."""
    return text[1:] if text.startswith("'") and guarded(text[1:]) == text else text
