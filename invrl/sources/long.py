"""The long form, one row per pair and day, turned into dense arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from invrl.demand.panel import Panel
from invrl.devices.memory import refuse_too_large
from invrl.errors import InvrlError
from invrl.tables.columns import Columns, resolve, tight
from invrl.tables.open import TableFile
from invrl.tables.unread import unread

ONE_WAREHOUSE = "main"
"""Name of the warehouse of a file that names none."""
TINY = float(np.finfo(np.float32).tiny)
WHOLE = {"lead_time": 0, "review_period": 1, "first_review": 0}
"""Optional columns of whole numbers, and their least value; only lead times may change by day."""
REAL = {"price": 0.0, "weight": 0.0, "initial_stock": 0.0, "mean_demand": TINY}
"""Optional columns of numbers, constant per pair, and their least value."""
REGRESSORS = ("regressor_1", "regressor_2", "regressor_3", "regressor_4")
OPTIONAL = ("warehouse", *WHOLE, *REAL, *REGRESSORS)
MAX_CELLS = 2**32
SPARSE = 20
"""Pair-days per row from which a wrong date is likelier than gaps."""


@dataclass(frozen=True)
class Roles:
    """What the other columns are: names by kind, as in `Panel`; and how gaps are taken."""

    ahead: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    knowledge: str = "known"
    gaps: str = "error"
    date_format: str = ""


@dataclass(frozen=True)
class Grid:
    """Where each row goes.

    Attributes:
        start: first day; days: T.
        sku, warehouse: [N] str.
        pair, day: [rows] int, the cell of each row.
        first: [N] int, the first row of each pair.
        in_order: rows go pair by pair, day after day, without a gap.
        present: [T, N] bool, the cells that have a row; None when all have.
    """

    start: np.datetime64
    days: int
    sku: np.ndarray
    warehouse: np.ndarray
    pair: np.ndarray
    day: np.ndarray
    first: np.ndarray
    in_order: bool
    present: np.ndarray | None = None

    def dense(self, values: np.ndarray) -> np.ndarray:
        """[T, N] from [rows]; 0 where there is no row."""
        if self.in_order:
            return np.array(values.reshape(-1, self.days).T, order="C")  # a copy: Arrow's memory is read-only
        out = np.zeros(self.days * len(self.sku), values.dtype)
        out[self.day * len(self.sku) + self.pair] = values
        return out.reshape(self.days, -1)

    def name(self, pair: int) -> str:
        return f"{self.sku[pair]}@{self.warehouse[pair]}"


def read_long(file: TableFile, columns: Mapping[str, str], roles: Roles) -> Panel:
    """The panel in a file with one row per pair and day.

    Pairs keep the file's order where its rows go pair by pair, day after day;
    otherwise they are sorted by SKU, then warehouse. Where gaps are allowed, a day without a row
    has no demand, its dynamic columns take the median of the other pairs on that day, and
    its lead time that of the pair's day before.

    Raises:
        InvrlError: anything wrong in the file, with its place.
    """
    optional = _optional(roles)
    names = long_names(file, columns, roles)
    unread(file, names, optional, "data.columns.")
    table = Columns.read(file, names, text=("date", "sku", "warehouse", *roles.static))
    grid = _grid(table, roles)
    return Panel(
        demand=grid.dense(table.numbers("demand", low=0)),
        sku=grid.sku,
        warehouse=grid.warehouse,
        start=grid.start,
        ahead={name: _dynamic(table, grid, name) for name in roles.ahead},
        after={name: _dynamic(table, grid, name) for name in roles.after},
        static={name: _static(table, grid, name) for name in roles.static},
        regressors=_regressors(table, grid),
        knowledge=roles.knowledge,
        **{name: _whole(table, grid, name, low) for name, low in WHOLE.items() if name in optional},
        **{name: _real(table, grid, name, low) for name, low in REAL.items() if name in optional},
    )


def _optional(roles: Roles) -> list[str]:
    return [name for name in OPTIONAL if name not in (*roles.ahead, *roles.after, *roles.static)]


def long_names(file: TableFile, columns: Mapping[str, str], roles: Roles) -> dict[str, str]:
    """Our name -> the file's name, of all columns that are read."""
    listed = (*roles.ahead, *roles.after, *roles.static)
    return resolve(file, columns, ("date", "sku", "demand", *listed), _optional(roles))


def _grid(table: Columns, roles: Roles) -> Grid:
    day = table.days("date", roles.date_format)
    start = int(day.min())
    days = int(day.max()) - start + 1
    day = day - start
    if days == 1:
        raise table.file.fail(f"all rows are of one day, {_date(start)}", hint="a panel has 2 days or more")
    pair, first, sku, warehouse = pairs_of(table)
    refuse_too_large(len(first), days)
    code = pair * days + day
    in_order = bool((code[1:] > code[:-1]).all())
    if not in_order:
        order = np.lexsort((warehouse, sku))
        pair, first, sku, warehouse = np.argsort(order)[pair], first[order], sku[order], warehouse[order]
    full = len(day) == days * len(first)
    grid = Grid(_date(start), days, sku, warehouse, pair, day, first, in_order and full)
    if grid.in_order:
        return grid
    _check_cells(table, grid, roles.gaps)
    present = None if full else grid.dense(np.ones(len(day), bool))
    return Grid(**{**vars(grid), "present": present})


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
        text = f"{len(grid.sku):,} pairs x {grid.days:,} days (from {grid.start}) are too many"
        raise table.file.fail(text, hint="is a date wrong?")


def _repeat(table: Columns, grid: Grid, code: np.ndarray, repeated: np.ndarray) -> InvrlError:
    pair, day = divmod(int(repeated[0]), grid.days)
    one, two = (table.file.place(int(row)) for row in np.flatnonzero(code == repeated[0])[:2])
    text = f"{one} and {two} are both {grid.name(pair)} on {grid.start + day}"
    if repeated.size > 1:
        text += f", and there are {repeated.size - 1:,} more such repeats"
    hint = "keep one row per pair and day, or `data.options.sum_lines=true` (import: --sum) to add them up"
    if "warehouse" not in table:
        hint += "; several warehouses? name their column: `data.columns.warehouse=NAME`"
    return table.file.fail(text, hint=hint)


def _gap(table: Columns, grid: Grid, ordered: np.ndarray) -> InvrlError:
    """The first cell without a row, from the sorted cells that have one."""
    rows, cells = len(ordered), grid.days * len(grid.sku)
    off = ordered != np.arange(rows)
    pair, day = divmod(int(np.argmax(off)) if off.any() else rows, grid.days)
    own = grid.day[grid.pair == pair]
    text = f"{cells - rows:,} of {cells:,} pair-days have no row, "
    text += f"the first is {grid.name(pair)} on {grid.start + day}"
    if day < own.min():
        text += f", before its first row ({grid.start + own.min()})"
    if day > own.max():
        text += f", after its last row ({grid.start + own.max()})"
    hint = "`data.gaps=zero` takes a missing day as one without demand"
    apart = int(np.gcd.reduce(np.diff(np.unique(grid.day))))
    if apart > 1:
        hint = f"the rows are {apart} days apart, a panel is daily: share each row's demand out over its days"
    if cells > SPARSE * rows:
        hint = f"is a date wrong? the rows are of {grid.start} to {grid.start + grid.days - 1}"
    return table.file.fail(text, hint=hint)


def _dynamic(table: Columns, grid: Grid, name: str) -> np.ndarray:
    values = grid.dense(table.numbers(name))
    if grid.present is None:
        return values
    masked = np.where(grid.present, values, np.nan)
    nobody = ~grid.present.any(axis=1)
    masked[nobody] = np.nanmedian(masked)
    return np.where(grid.present, values, np.nanmedian(masked, axis=1)[:, None]).astype(np.float32)


def _static(table: Columns, grid: Grid, name: str) -> np.ndarray:
    values, words = table.attribute(name)
    chosen = _constant(table, grid, name, values)
    return chosen if words is None else tight(words[chosen])


def _real(table: Columns, grid: Grid, name: str, low: float) -> np.ndarray | None:
    return _constant(table, grid, name, table.numbers(name, low)) if name in table else None


def _whole(table: Columns, grid: Grid, name: str, low: int) -> np.ndarray | None:
    """[N] int; lead times that change by day are [T, N]."""
    if name not in table:
        return None
    values = table.whole(name, low)
    by_day = name == "lead_time" and bool((values != values[grid.first][grid.pair]).any())
    return _carry(grid, values) if by_day else _constant(table, grid, name, values)


def _carry(grid: Grid, values: np.ndarray) -> np.ndarray:
    """[T, N]; a missing day takes the day before, or the pair's first row."""
    dense = grid.dense(values)
    if grid.present is None:
        return dense
    dense[0] = np.where(grid.present[0], dense[0], values[grid.first])
    day = np.where(grid.present, np.arange(grid.days)[:, None], 0)
    return np.take_along_axis(dense, np.maximum.accumulate(day, axis=0), axis=0)


def _constant(table: Columns, grid: Grid, name: str, values: np.ndarray) -> np.ndarray:
    """[N] of [rows], which must agree within each pair."""
    chosen = values[grid.first]
    wrong = values != chosen[grid.pair]
    if wrong.any():
        pair = int(grid.pair[np.argmax(wrong)])
        before = table.cell(name, int(grid.first[pair]))
        hint = "it is the same in all rows of a pair"
        if name not in WHOLE:
            hint += f"; if it changes by day, `data.after={name}` (`ahead` only if it is set before the day)"
        table.refuse(name, wrong, "{}, but " + f"{before} in the first row of {grid.name(pair)}", hint)
    return chosen


def _regressors(table: Columns, grid: Grid) -> np.ndarray | None:
    """[T, 4, N], or None when the file does not have all four."""
    if not all(name in table for name in REGRESSORS):
        return None
    if grid.present is not None:
        raise table.file.fail("with regressors, no pair-day may miss", hint="fill the gaps or drop them")
    return np.stack([grid.dense(table.numbers(name)) for name in REGRESSORS], axis=1)


def _date(day: int) -> Any:
    return np.datetime64(day, "D")
