"""Several files as one table: a folder, or a pattern such as `sales-*.csv`."""

from __future__ import annotations

import glob
import os
from dataclasses import replace
from pathlib import Path

from invrl.errors import InvrlError
from invrl.tables.open import TableFile, open_table

SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".parquet", ".pq")


def is_there(path: str | Path) -> bool:
    """Whether a file, a folder or a file of a pattern exists."""
    path = os.path.expanduser(path)
    return os.path.exists(path) or bool(glob.glob(path, recursive=True))


def open_tables(path: str | Path, encoding: str = "utf-8") -> TableFile:
    """As `open_table`, also of a folder or a pattern, whose files are read one after the other, by name.

    Raises:
        InvrlError: no such files, or files of other columns or another format than the first.
    """
    where = os.path.expanduser(path)
    if os.path.isdir(where):
        found = [
            p for p in sorted(Path(where).iterdir()) if p.is_file() and not p.name.startswith((".", "_"))
        ]
        found = [p for p in found if p.suffix in SUFFIXES]
        if not found:
            text = f"the folder {path} has no file that ends in {', '.join(SUFFIXES)}"
            raise InvrlError(text, hint=f"files in folders below: `{path}/**/*.csv`")
    elif os.path.exists(where) or not glob.has_magic(where):
        return open_table(path, encoding)
    else:
        found = [Path(p) for p in sorted(glob.glob(where, recursive=True)) if os.path.isfile(p)]
        if not found:
            raise InvrlError(f"no file is called like {path}", hint="check the pattern")
    parts = tuple(open_table(p, encoding) for p in found)
    for part in parts[1:]:
        _check_like(part, parts[0])
    return parts[0] if len(parts) == 1 else replace(parts[0], path=Path(path), parts=parts)


def _check_like(part: TableFile, first: TableFile) -> None:
    odd = sorted({*part.names} ^ {*first.names})
    hint = "files that are read as one have the same columns; a pattern leaves the others out"
    if odd:
        raise part.fail(f"not the columns of {first.path}: `{odd[0]}` is in one of them alone", hint=hint)
    if bool(part.delimiter) != bool(first.delimiter) or part.notes != first.notes:
        raise part.fail(
            f"not of the format of {first.path}", hint="CSV or Parquet, and written by one program"
        )
