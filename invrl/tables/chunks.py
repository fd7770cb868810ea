"""Tables too large to hold: read in chunks of equal size, written chunk by chunk or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invrl.tables.open import TableFile, pyarrow, read_table
from invrl.tables.whole import guarded_table, whole_file

CSV_BLOCK = 1 << 22
"""Bytes of CSV parsed at a time."""


@dataclass(frozen=True)
class Part(TableFile):
    """Some rows of a file; errors name the place in the whole file."""

    start: int = 0

    def place(self, row: int) -> str:
        return super().place(row + self.start)


def part(file: TableFile, start: int) -> Part:
    return Part(**vars(file), start=start)


def read_batches(
    file: TableFile, text: list[str], numbers: list[str], guessed: list[str], rows: int
) -> Iterator[tuple[int, Any]]:
    """(first row, `pyarrow.Table`) of every `rows` rows of the file; the last table may be shorter.

    Args:
        text: columns that come as strings.
        numbers: columns that come as the file has them; CSV cells as float32.
        guessed: the same, but CSV cells as what they look like (0 and 1, or true and false).

    Raises:
        InvrlError: broken lines or pages. A CSV cell that is no number makes the rest of the file arrive
            as one table of text, in which the checks of `Columns` find it.
    """
    start = 0
    try:
        for table in _evenly(_batches(file, text, numbers, guessed), rows):
            yield start, table
            start += table.num_rows
    except (pyarrow().ArrowException, OSError):
        yield start, _strings(read_table(file, text, [*numbers, *guessed]), text).slice(start)


def _batches(file: TableFile, text: list[str], numbers: list[str], guessed: list[str]) -> Iterator[Any]:
    names = [*text, *numbers, *guessed]
    if file.delimiter:
        types = dict.fromkeys(text, pyarrow().string()) | dict.fromkeys(numbers, pyarrow().float32())
        yield from _csv_batches(file, names, types)
        return
    from pyarrow import parquet

    with parquet.ParquetFile(file.path) as source:
        for batch in source.iter_batches(batch_size=1 << 16, columns=names):
            yield _strings(pyarrow().Table.from_batches([batch]), text)


def _csv_batches(file: TableFile, names: list[str], types: dict[str, Any]) -> Iterator[Any]:
    from pyarrow import csv

    options = (
        csv.ReadOptions(block_size=CSV_BLOCK),
        csv.ParseOptions(delimiter=file.delimiter, newlines_in_values=True),
        csv.ConvertOptions(column_types=types, include_columns=names, null_values=[""]),
    )
    with csv.open_csv(file.path, *options) as source:
        for batch in source:
            yield pyarrow().Table.from_batches([batch])


def _strings(table: Any, names: list[str]) -> Any:
    """The table with the named columns as plain strings."""
    for name in names:
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table.column(index).cast("string"))
    return table


def _evenly(tables: Iterable[Any], rows: int) -> Iterator[Any]:
    arrow = pyarrow()
    waiting: list[Any] = []
    held = 0
    for table in tables:
        waiting.append(table)
        held += table.num_rows
        if held < rows:
            continue
        whole = arrow.concat_tables(waiting)
        cut = held - held % rows
        yield from (whole.slice(low, rows) for low in range(0, cut, rows))
        waiting, held = [whole.slice(cut)], held - cut
    if held:
        yield arrow.concat_tables(waiting)


@contextmanager
def new_table(path: Path) -> Iterator[Callable[[Any], None]]:
    """A function that appends a `pyarrow.Table` to a new Parquet or CSV file.

    The file appears whole at the end of the block, and not at all after an error.
    """
    with whole_file(path) as partial, ExitStack() as stack:
        yield _appender(partial, path.suffix == ".csv", stack)


def _appender(path: Path, as_csv: bool, stack: ExitStack) -> Callable[[Any], None]:
    from pyarrow import csv, parquet

    writers: list[Any] = []

    def append(table: Any) -> None:
        if not writers:  # the first table says what the columns are
            writer = csv.CSVWriter if as_csv else parquet.ParquetWriter
            writers.append(stack.enter_context(writer(path, table.schema)))
        writers[0].write_table(guarded_table(table) if as_csv else table)

    return append
