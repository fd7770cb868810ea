"""Columns that change by day, as shops write them: numbers, yes or no, the names of events, empty cells.

A column of numbers takes for an empty cell what the pair had last: a price holds until it changes. One of
yes and no (1 and 0) takes no. A column of text with empty cells (or `none`) names events: a cell says
whether there is one, not which.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.sources.grid import Grid
from invrl.tables.columns import Columns
from invrl.tables.words import parse_numbers

NO_EVENT = ("", "none", "no", "nan", "null", "na", "n/a", "-")
"""Words, in any case, for an empty cell."""


def varying(table: Columns, grid: Grid, name: str) -> np.ndarray:
    """[T, N] float32. A day without a row takes the median of the other pairs on that day.

    Raises:
        InvrlError: text among numbers, or a pair that begins with an empty cell.
    """
    values = cells(table, name)
    known = values[~np.isnan(values)]
    if np.isin(known, (0, 1)).all():
        values = np.nan_to_num(values)
    dense = _held(table, grid, name, values)
    if grid.present is None:
        return dense
    masked = np.where(grid.present, dense, np.nan)
    nobody = ~grid.present.any(axis=1)
    masked[nobody] = np.nanmedian(masked)
    return np.where(grid.present, dense, np.nanmedian(masked, axis=1)[:, None]).astype(np.float32)


def cells(table: Columns, name: str) -> np.ndarray:
    """[rows] float32; NaN where the cell is empty."""
    import pyarrow.types as kind

    column = table.table.column(table.names[name])
    if kind.is_floating(column.type):
        values = column.cast("float32", safe=False).to_numpy()
        table.refuse(name, np.isinf(values), "{}", "fill the cell, drop the row or leave the column out")
        return values
    if kind.is_dictionary(column.type) or kind.is_string(column.type) or column.null_count:
        return _told(table, name, column)
    return table.numbers(name)


def _told(table: Columns, name: str, column: Any) -> np.ndarray:
    """[rows] float32 of text: numbers, or 1 where an event has a name; NaN where the cell is empty."""
    import pyarrow.types as kind

    encoded = column if kind.is_dictionary(column.type) else column.cast("string").dictionary_encode()
    array = encoded.combine_chunks()
    words = np.array([*array.dictionary.cast("string").to_pylist(), ""])
    codes = array.indices.fill_null(len(words) - 1).to_numpy()
    values = parse_numbers(words)
    empty = np.isin(np.char.lower(np.char.strip(words)), NO_EVENT)
    named = np.isnan(values) & ~empty
    is_event = named.any() and (values[~empty & ~named] == 0).all() and not named[codes].all()
    if is_event:
        return np.where(named, 1.0, 0.0).astype(np.float32)[codes]
    hint = "a number with a decimal point, no unit; names of events with empty cells, or `none`, between them"
    table.refuse(name, named[codes], "{}, not a number", hint)
    return np.where(empty, np.nan, values).astype(np.float32)[codes]


def _held(table: Columns, grid: Grid, name: str, values: np.ndarray) -> np.ndarray:
    """[T, N]; where a row's cell is empty, the pair's value of the days before."""
    dense, empty = grid.dense(values), np.isnan(values)
    if not empty.any():
        return dense
    present = np.ones(dense.shape, bool) if grid.present is None else grid.present
    day = np.where(present & ~np.isnan(dense), np.arange(grid.days)[:, None], -1)
    last = np.maximum.accumulate(day, axis=0)
    never = last[grid.day, grid.pair] < 0
    table.refuse(name, empty & never, "empty, and nothing is known before", "fill the pair's first cell")
    return np.take_along_axis(dense, np.maximum(last, 0), axis=0)
