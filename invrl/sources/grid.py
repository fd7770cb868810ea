"""Which row of a long file goes where: pairs, days (or weeks, or months), and what a missing row means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from invrl.demand import masks, timestep
from invrl.devices.memory import refuse_too_large
from invrl.errors import InvrlError
from invrl.tables.columns import Columns, tight

ONE_WAREHOUSE = "main"
"""Name of the warehouse of a file that names none."""
MAX_CELLS = 2**32
SPARSE = 20
"""Pair-days per row from which a wrong date is likelier than gaps."""


@dataclass(frozen=True)
class Grid:
    """Where each row goes.

    Attributes:
        start: first day; days: T.
        sku, warehouse: [N] str.
        pair, day: [rows] int, the cell of each row.
        first: [N] int, the first row of each pair.
        in_order: rows go pair by pair, day after day, without a gap.
        step: one of `timestep.STEPS`.
        present: [T, N] bool, the cells that have a row; None when all have.
        trade: [T, N] bool, listed and not closed, as far as missing rows tell; None when they do not.
    """

    start: np.datetime64
    days: int
    sku: np.ndarray
    warehouse: np.ndarray
    pair: np.ndarray
    day: np.ndarray
    first: np.ndarray
    in_order: bool
    step: str = "day"
    present: np.ndarray | None = None
    trade: np.ndarray | None = None

    def date(self, day: int) -> Any:
        return timestep.dates_at(self.start, day, self.step)

    def dense(self, values: np.ndarray) -> np.ndarray:
        """[T, N] from [rows]; 0 where there is no row."""
        if self.in_order:
            return np.array(values.reshape(-1, self.days).T, order="C")  # a copy: Arrow's memory is read-only
        out = np.zeros(self.days * len(self.sku), values.dtype)
        out[self.day * len(self.sku) + self.pair] = values
        return out.reshape(self.days, -1)

    def name(self, pair: int) -> str:
        return f"{self.sku[pair]}@{self.warehouse[pair]}"


GAPS = {
    "error": "refused",
    "zero": "a day without demand",
    "listed": "not sold before the pair's first row and after its last; no row of the warehouse: closed",
}
"""What a missing row means, by the name of `data.gaps`."""


def grid_of(table: Columns, date_format: str, gaps: str, step: str) -> Grid:
    """The cells of a file's rows.

    Args:
        gaps: one of `GAPS`.
        step: one of `timestep.STEPS`, or `auto`: found from the dates.

    Raises:
        InvrlError: a date between two steps, a cell with two rows, or a gap that is not allowed.
    """
    day = table.days("date", date_format)
    start = _date(int(day.min()))
    told = step != "auto"
    step = timestep.check(step) if told else timestep.found(np.unique(day))
    day = timestep.steps_from(start, day, step)
    hint = f"the first row is of {start}, and `data.step={step}`: are there two time steps in the file?"
    table.refuse("date", day == timestep.BETWEEN, f"{{}}, within a {step}", hint)
    days = int(day.max()) + 1
    if days == 1 and not told:
        raise table.file.fail(f"all rows are of one {step}, {start}", hint=f"a panel has 2 {step}s or more")
    pair, first, sku, warehouse = pairs_of(table)
    refuse_too_large(len(first), days)
    code = pair * days + day
    in_order = bool((code[1:] > code[:-1]).all())
    if not in_order:
        order = np.lexsort((warehouse, sku))
        pair, first, sku, warehouse = np.argsort(order)[pair], first[order], sku[order], warehouse[order]
    full = len(day) == days * len(first)
    grid = Grid(start, days, sku, warehouse, pair, day, first, in_order and full, step)
    if grid.in_order:
        return grid
    _check_cells(table, grid, gaps)
    if full:
        return grid
    present = grid.dense(np.ones(len(day), bool))
    return replace(grid, present=present, trade=_trade(present, warehouse) if gaps == "listed" else None)


def _trade(present: np.ndarray, warehouse: np.ndarray) -> np.ndarray:
    """[T, N] bool: the pair is listed, and its warehouse sold something of some pair that is."""
    _, place = np.unique(warehouse, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    return masks.span(present) & np.logical_or.reduceat(present[:, order], starts, axis=1)[:, place]


def pairs_of(table: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pair of each row, first row of each pair, and its names; numbered as they appear."""
    sku, skus = table.keys("sku")
    if "warehouse" in table:
        warehouse, warehouses = table.keys("warehouse")
    else:
        warehouse, warehouses = np.zeros(len(sku), np.int32), np.array([ONE_WAREHOUSE])
    key = sku.astype(np.int64) * len(warehouses) + warehouse
    pair, first = _number(key, len(skus) * len(warehouses))
    return pair, first, tight(skus[sku[first]]), tight(warehouses[warehouse[first]])


def _number(key: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys < size numbered from 0 in the order they appear, and the first row of each."""
    if size > 4 * len(key) + 1_000_000:  # too sparse for a look-up table
        used, key = np.unique(key, return_inverse=True)
        size = len(used)
    earliest = np.full(size, -1)
    earliest[key[::-1]] = np.arange(len(key) - 1, -1, -1)  # of equal keys the last assignment stays
    first = np.sort(earliest[earliest >= 0])
    number = np.zeros(size, np.int64)
    number[key[first]] = np.arange(len(first))
    return number[key], first


def _check_cells(table: Columns, grid: Grid, gaps: str) -> None:
    """Refuse a cell with two rows, and, unless gaps are taken as zero, one with none."""
    rows, cells = len(grid.day), grid.days * len(grid.sku)
    code = grid.pair * grid.days + grid.day
    ordered = np.sort(code)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if repeated.size:
        raise _repeat(table, grid, code, repeated)
    if rows < cells and gaps == "error":
        raise _gap(table, grid, ordered)
    if cells > MAX_CELLS:
        text = f"{len(grid.sku):,} pairs x {grid.days:,} {grid.step}s (from {grid.start}) are too many"
        raise table.file.fail(text, hint="is a date wrong?")


def _repeat(table: Columns, grid: Grid, code: np.ndarray, repeated: np.ndarray) -> InvrlError:
    pair, day = divmod(int(repeated[0]), grid.days)
    one, two = (table.file.place(int(row)) for row in np.flatnonzero(code == repeated[0])[:2])
    text = f"{one} and {two} are both {grid.name(pair)} on {grid.date(day)}"
    if repeated.size > 1:
        text += f", and there are {repeated.size - 1:,} more such repeats"
    hint = f"keep one row per pair and {grid.step}, "
    hint += "or `data.options.sum_lines=true` (import: --sum) to add them up"
    if "warehouse" not in table:
        hint += "; several warehouses? name their column: `data.columns.warehouse=NAME`"
    return table.file.fail(text, hint=hint)


def _gap(table: Columns, grid: Grid, ordered: np.ndarray) -> InvrlError:
    """The first cell without a row, from the sorted cells that have one."""
    rows, cells = len(ordered), grid.days * len(grid.sku)
    off = ordered != np.arange(rows)
    pair, day = divmod(int(np.argmax(off)) if off.any() else rows, grid.days)
    own = grid.day[grid.pair == pair]
    text = f"{cells - rows:,} of {cells:,} pair-{grid.step}s have no row, "
    text += f"the first is {grid.name(pair)} on {grid.date(day)}"
    if day < own.min():
        text += f", before its first row ({grid.date(int(own.min()))})"
    if day > own.max():
        text += f", after its last row ({grid.date(int(own.max()))})"
    hint = (
        "`data.gaps=zero` takes a missing day as one without demand, `listed` as not yet (or no longer) sold"
    )
    hint = timestep.spoken(hint, grid.step)
    apart = int(np.gcd.reduce(np.diff(np.sort(own)))) if len(own) > 2 else 1
    odd = _off_weeks(grid)
    if apart > 1:
        text += f"; its rows are {apart} {grid.step}s apart, those of others are not"
        hint = f"are there two time steps in the file? sum to one; or, if they are {grid.step}s, {hint}"
    elif odd is not None:
        text += f"; most rows are of one weekday, {table.file.place(odd)} is not"
        hint = "are these weeks? mend that date, or sum all rows to one time step"
    if cells > SPARSE * rows:
        hint = f"is a date wrong? the rows are of {grid.start} to {grid.date(grid.days - 1)}"
    return table.file.fail(text, hint=hint)


def _off_weeks(grid: Grid) -> int | None:
    """The first row that is of another weekday than most; None where no weekday has most of the rows."""
    if grid.step != "day" or grid.days < 3 * 7:
        return None
    rows = np.bincount(grid.day % 7)
    odd = grid.day % 7 != rows.argmax()
    return int(odd.argmax()) if odd.any() and 2 * rows.max() > len(grid.day) else None


def _date(day: int) -> Any:
    return np.datetime64(day, "D")
