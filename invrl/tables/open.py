"""CSV and Parquet files as Arrow tables; an error names the file, and the line or row."""

from __future__ import annotations

import bisect
import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invrl.errors import InvrlError

BLOCK = 1 << 25
"""Bytes of CSV per parsing task."""
DELIMITERS = ",;\t|"
NO_ROWS = ("a header and no rows", "export it again")
ENCODING = "save it as CSV UTF-8; or, for sales, `data.options.encoding=latin-1` (import: --encoding)"
NOTES = b"invrl"
"""Key of our JSON in a Parquet schema's metadata."""


@dataclass(frozen=True)
class TableFile:
    """A table whose header has been read.

    Attributes:
        names: the file's columns.
        notes: what `write_panel` left in the schema, such as `{"ahead": ["promo"]}`.
        delimiter: between CSV cells; empty for Parquet.
        encoding: of CSV text.
        parts: the files whose rows follow each other, where there are several.
        rows: of each of them, once read.
    """

    path: Path
    names: tuple[str, ...]
    notes: dict[str, Any] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = "utf-8"
    parts: tuple[TableFile, ...] = ()
    rows: list[int] = field(default_factory=list)

    def fail(self, text: str, hint: str = "", row: int | None = None) -> InvrlError:
        """The error about this file, or about one data row of it (counted from 0)."""
        if row is None:
            return InvrlError(f"{self.path}: {text}", hint=hint)
        part, row = self._part(row)
        return InvrlError(f"{part.path} {part.place(row)}: {text}", hint=hint)

    def _part(self, row: int) -> tuple[TableFile, int]:
        """The file of a row, and which row of that file it is."""
        if not self.parts:
            return self, row
        ends = list(itertools.accumulate(self.rows))
        number = bisect.bisect_right(ends, row)
        return self.parts[number], row - (ends[number] - self.rows[number])

    def place(self, row: int) -> str:
        """Where an editor shows data row `row` (from 0): `line 3` of a CSV, `row 2` of Parquet."""
        if self.parts:
            part, row = self._part(row)
            return f"{part.path.name} {part.place(row)}"
        return f"line {_line_number(self.path, row + 1)}" if self.delimiter else f"row {row + 1}"


def pyarrow() -> Any:
    """The pyarrow module."""
    try:
        import pyarrow

        return pyarrow
    except ImportError:
        raise InvrlError("reading and writing tables needs pyarrow", hint="`pip install pyarrow`") from None


def open_table(path: str | Path, encoding: str = "utf-8") -> TableFile:
    """The file with its column names; what it holds decides the format, not its suffix.

    Args:
        encoding: of a CSV file.

    Raises:
        InvrlError: no such file, an empty or truncated one, or not a table.
    """
    path = Path(path).expanduser() if str(path).startswith("~/") else Path(path)
    if not path.exists():
        beside = sorted(p.name for p in path.parent.glob(f"*{path.suffix}"))[:5]
        hint = f"that folder has {', '.join(beside)}" if beside else "check the path"
        raise InvrlError(f"no file {path}", hint=hint)
    if path.is_dir():
        raise InvrlError(f"{path} is a folder", hint="give one CSV or Parquet file")
    if path.stat().st_size == 0:
        raise InvrlError(f"{path} is empty", hint="export it again")
    with pyarrow().input_stream(str(path)) as stream:
        head = bytes(stream.read(1 << 20))
    if head.startswith(b"PAR1"):
        return _open_parquet(path)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InvrlError(f"{path} is an Excel or zip file", hint="save the sheet as CSV UTF-8")
    if head.startswith(b"\x1f\x8b"):
        raise InvrlError(f"{path} is compressed by gzip", hint=f"name it {path.name}.gz")
    some = head[:1000]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or 4 * some.count(0) > len(some):
        raise InvrlError(f"{path} is neither Parquet nor UTF-8 CSV, but UTF-16", hint="save it as CSV UTF-8")
    if some.lstrip().startswith((b"{", b"[{", b"<")):
        raise InvrlError(f"{path} is JSON, HTML or XML, not a table", hint="export it as CSV or Parquet")
    return _open_csv(path, head, encoding)


def _open_parquet(path: Path) -> TableFile:
    from pyarrow import ArrowException, parquet

    try:
        schema = parquet.read_schema(path)
    except (ArrowException, OSError):
        raise _truncated(path) from None
    return TableFile(path, tuple(schema.names), _notes(path, (schema.metadata or {}).get(NOTES, b"{}")))


def _notes(path: Path, text: bytes) -> dict[str, Any]:
    """What the file says of its columns: lists of names by kind, and words."""
    try:
        notes = json.loads(text)
        kinds = {type(one) for x in notes.values() if not isinstance(x, str) for one in x}
    except (ValueError, RecursionError, AttributeError, TypeError):
        kinds = {object}
    if kinds - {str}:
        text_ = "its notes (`invrl` in the schema's metadata) are not readable"
        raise InvrlError(f"{path}: {text_}", hint="write it again, or drop that metadata")
    return notes


def _truncated(path: Path) -> InvrlError:
    return InvrlError(f"{path} is a damaged or truncated Parquet file", hint="copy or export it again")


def _open_csv(path: Path, head: bytes, encoding: str) -> TableFile:
    try:
        line = head.lstrip(b"\r\n").splitlines()[0].decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (UnicodeDecodeError, IndexError):
        raise InvrlError(f"{path} is neither Parquet nor UTF-8 CSV", hint=ENCODING) from None
    except LookupError:
        raise InvrlError(f"no encoding `{encoding}`", hint="such as utf-8, latin-1 or cp1252") from None
    if line.lower().startswith("sep="):
        raise InvrlError(f"{path} begins with `{line}`, not with the columns", hint="drop that first line")
    delimiter = max(DELIMITERS, key=line.count)
    return TableFile(path, tuple(next(csv.reader([line], delimiter=delimiter))), {}, delimiter, encoding)


def read_table(file: TableFile, text: Iterable[str], numbers: Iterable[str]) -> Any:
    """The named columns as a `pyarrow.Table`.

    Args:
        text: columns to read as (dictionary-encoded) text, as far as the file leaves the choice.
        numbers: columns to read as numbers; CSV cells that are none arrive as text, for `Columns` to find.

    Raises:
        InvrlError: broken lines or pages, or no rows.
    """
    read = _read_csv if file.delimiter else _read_parquet
    text, numbers = list(text), list(numbers)
    table = _joined(file, read, text, numbers) if file.parts else read(file, text, numbers)
    if table.num_rows == 0:
        raise file.fail(*NO_ROWS)
    return table


def _joined(file: TableFile, read: Callable[..., Any], text: list[str], numbers: list[str]) -> Any:
    """The rows of all parts, in the types of the first; as text where one part has text for numbers."""
    arrow = pyarrow()
    tables = [read(part, text, numbers) for part in file.parts]
    if file.delimiter and len({str(table.schema.types) for table in tables}) > 1:
        tables = [read(part, text + numbers, []) for part in file.parts]
    file.rows[:] = [table.num_rows for table in tables]
    names = tables[0].column_names
    try:
        tables = [table.select(names) for table in tables]
        return arrow.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    except arrow.ArrowException as error:
        text_ = f"files of different types: {str(error).partition(chr(10))[0]}"
        raise file.fail(text_, hint="write them by one program") from None


def _read_parquet(file: TableFile, text: list[str], numbers: list[str]) -> Any:
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_table(file.path, columns=list({*text, *numbers}), read_dictionary=text)
    except (ArrowException, OSError):
        raise _truncated(file.path) from None


def _read_csv(file: TableFile, text: list[str], numbers: list[str]) -> Any:
    arrow = pyarrow()
    words = arrow.dictionary(arrow.int32(), arrow.string())
    types = dict.fromkeys(numbers, arrow.float32()) | dict.fromkeys(text, words)
    try:
        return _parse_csv(file, types)
    except arrow.ArrowInvalid as error:
        if "conversion error" not in str(error):
            raise _broken_line(file, types, error) from None
    try:
        return _parse_csv(file, dict.fromkeys(types, words))
    except arrow.ArrowInvalid:
        raise file.fail("not UTF-8 text", hint=ENCODING) from None


def _parse_csv(file: TableFile, types: dict[str, Any], threads: bool = True) -> Any:
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        file.path,
        arrow_csv.ReadOptions(block_size=BLOCK, use_threads=threads, encoding=file.encoding),
        arrow_csv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True),
        arrow_csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[""]),
    )


def _broken_line(file: TableFile, types: dict[str, Any], error: Exception) -> InvrlError:
    """Names the line, which Arrow only knows when it reads without threads."""
    try:
        _parse_csv(file, types, threads=False)
    except pyarrow().ArrowInvalid as slow:
        error = slow
    found = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error))
    if "Empty CSV" in str(error):
        return file.fail(*NO_ROWS)
    if not found:
        return file.fail(f"not a readable CSV file: {error}", hint="export it again")
    row, expected, got = map(int, found.groups())
    return file.fail(f"{got} cells, the header has {expected}", hint="mend or drop the line", row=row - 2)


def _line_number(path: Path, index: int) -> int:
    """Line (from 1) where row `index` (the header is 0) begins; blank and quoted lines begin none."""
    with pyarrow().input_stream(str(path)) as stream:
        return next(itertools.islice(_row_lines(io.BufferedReader(stream)), index, None), index + 1)


def _row_lines(lines: Iterable[bytes]) -> Iterator[int]:
    quoted = False
    for number, line in enumerate(lines, 1):
        if not quoted and line.strip(b"\r\n"):
            yield number
        quoted ^= line.count(b'"') % 2 == 1
