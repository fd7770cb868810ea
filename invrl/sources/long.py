"""The long form, one row per pair and day, turned into dense arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from invrl.demand.panel import Panel
from invrl.sources.grid import Grid, grid_of
from invrl.sources.varying import cells, varying
from invrl.tables.columns import TINY, Columns, resolve, tight
from invrl.tables.open import TableFile
from invrl.tables.unread import unread

WHOLE = {"lead_time": 0, "review_period": 1, "first_review": 0}
"""Optional columns of whole numbers, and their least value; only lead times may change by day."""
REAL = {"price": 0.0, "weight": 0.0, "initial_stock": 0.0, "mean_demand": TINY}
"""Optional columns of numbers, constant per pair, and their least value."""
REGRESSORS = ("regressor_1", "regressor_2", "regressor_3", "regressor_4")
MASKS = ("in_stock", "open")
"""Optional columns that say which days tell nothing of demand (`demand/masks.py`): shares in 0..1."""
OPTIONAL = ("warehouse", *WHOLE, *REAL, *REGRESSORS, *MASKS)


@dataclass(frozen=True)
class Roles:
    """What the other columns are: names by kind, as in `Panel`; and how gaps are taken."""

    ahead: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    knowledge: str = "known"
    gaps: str = "error"
    date_format: str = ""
    step: str = "auto"


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
    grid = grid_of(table, roles.date_format, roles.gaps, roles.step)
    numbers: dict[str, Any] = {
        name: _whole(table, grid, name, low) for name, low in WHOLE.items() if name in optional
    }
    numbers |= {name: _real(table, grid, name, low) for name, low in REAL.items() if name in optional}
    return Panel(
        demand=grid.dense(table.numbers("demand", low=0)),
        sku=grid.sku,
        warehouse=grid.warehouse,
        start=grid.start,
        ahead={name: varying(table, grid, name) for name in roles.ahead},
        after={name: varying(table, grid, name) for name in roles.after},
        static={name: _static(table, grid, name) for name in roles.static},
        regressors=_regressors(table, grid),
        knowledge=roles.knowledge,
        step=grid.step,
        in_stock=_share(table, grid, "in_stock") if "in_stock" in optional else None,
        open=_open(table, grid) if "open" in optional else None,
        counted=True,
        **numbers,
    )


def _optional(roles: Roles) -> list[str]:
    return [name for name in OPTIONAL if name not in (*roles.ahead, *roles.after, *roles.static)]


def long_names(file: TableFile, columns: Mapping[str, str], roles: Roles) -> dict[str, str]:
    """Our name -> the file's name, of all columns that are read."""
    listed = (*roles.ahead, *roles.after, *roles.static)
    return resolve(file, columns, ("date", "sku", "demand", *listed), _optional(roles))


def _static(table: Columns, grid: Grid, name: str) -> np.ndarray:
    values, words = table.attribute(name)
    chosen = _constant(table, grid, name, values)
    return chosen if words is None else tight(words[chosen])


def _real(table: Columns, grid: Grid, name: str, low: float) -> np.ndarray | None:
    """[N]; an empty cell takes what the pair's other rows say."""
    if name not in table:
        return None
    values = cells(table, name)
    empty, known = np.isnan(values), np.flatnonzero(~np.isnan(values))[::-1]
    first = np.full(len(grid.first), -1)
    first[grid.pair[known]] = known  # the last to be written is the first row that is known
    table.refuse(name, first[grid.pair] < 0, "empty in all rows of the pair", "fill one of them")
    values = np.where(empty, values[first][grid.pair], values)
    table.refuse(name, values < low, "{}", f"it is at least {low:g}")
    return _constant(table, grid, name, values)


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


def _share(table: Columns, grid: Grid, name: str) -> np.ndarray | None:
    """[T, N] in 0..1; 1 where there is no row."""
    if name not in table:
        return None
    values = table.numbers(name, low=0)
    table.refuse(name, values > 1, "{}", "a share of the period, 0 to 1")
    dense = grid.dense(values)
    return dense if grid.present is None else np.where(grid.present, dense, np.float32(1))


def _open(table: Columns, grid: Grid) -> np.ndarray | None:
    """[T, N] bool: the days on which a pair is sold; by its column, and by missing rows where they tell."""
    trade = grid.trade
    if "open" in table:
        share = _share(table, grid, "open")
        assert share is not None
        closed = (share == 0)[grid.day, grid.pair] & (table.numbers("demand") > 0)
        hint = "closed days have no sales: mend `open` or the sale"
        table.refuse("demand", closed, "{} on a closed day", hint)
        trade = share > 0 if trade is None else trade & (share > 0)
    return trade


def _regressors(table: Columns, grid: Grid) -> np.ndarray | None:
    """[T, 4, N], or None when the file does not have all four."""
    if not all(name in table for name in REGRESSORS):
        return None
    if grid.present is not None:
        raise table.file.fail("with regressors, no pair-day may miss", hint="fill the gaps or drop them")
    return np.stack([grid.dense(table.numbers(name)) for name in REGRESSORS], axis=1)
