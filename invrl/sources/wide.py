"""The wide form, one row per pair and one column per day: `item_id, store_id, d_1, d_2, ...` (M5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from invrl.demand.panel import Panel
from invrl.sources.grid import pairs_of
from invrl.sources.long import REAL, WHOLE, Roles
from invrl.tables.columns import Columns, resolve, tight
from invrl.tables.open import TableFile
from invrl.tables.unread import unread

NAMES = {"sku": "item_id", "warehouse": "store_id"}
"""What the M5 files call our columns."""


def is_wide(file: TableFile) -> bool:
    """Does each day have a column of its own?"""
    return "date" not in file.names and len(day_columns(file)) > 1


def read_wide(file: TableFile, columns: Mapping[str, str], roles: Roles, start: np.datetime64) -> Panel:
    """The panel in a file with one row per pair; pairs keep the file's order. `start` is the date of d_1.

    Raises:
        InvrlError: anything wrong in the file, with its place.
    """
    if roles.ahead or roles.after:
        hint = "bring the file into the long form: date, sku, warehouse, demand, ..."
        raise file.fail("a wide file has no place for columns that change by day", hint=hint)
    days = _days(file)
    names = wide_names(file, columns, roles) | {day: day for day in days}
    unread(file, names, _optional(roles), "data.columns.")
    table = Columns.read(file, names, text=("sku", "warehouse", *roles.static))
    pair, first, sku, warehouse = pairs_of(table)
    _check_unique(table, pair, first)
    numbers: dict[str, Any] = {name: table.whole(name, low) for name, low in WHOLE.items() if name in table}
    numbers |= {name: table.numbers(name, low) for name, low in REAL.items() if name in table}
    return Panel(
        demand=np.stack([table.numbers(day, low=0) for day in days]),
        sku=sku,
        warehouse=warehouse,
        start=start + int(days[0][2:]) - 1,
        static={name: _static(table, name) for name in roles.static},
        knowledge=roles.knowledge,
        counted=True,
        **numbers,
    )


def _optional(roles: Roles) -> list[str]:
    return [name for name in ("warehouse", *WHOLE, *REAL) if name not in roles.static]


def wide_names(file: TableFile, columns: Mapping[str, str], roles: Roles) -> dict[str, str]:
    """Our name -> the file's name, of all columns that are read but the days."""
    known = {ours: name for ours, name in NAMES.items() if ours not in file.names and name in file.names}
    return resolve(file, {**known, **columns}, ("sku", *roles.static), _optional(roles))


def day_columns(file: TableFile) -> list[str]:
    return [name for name in file.names if re.fullmatch(r"d_\d+", name)]


def _days(file: TableFile) -> list[str]:
    """d_k ... d_n, which must not leave out a number."""
    days = sorted(day_columns(file), key=lambda name: int(name[2:]))
    for number, name in enumerate(days, int(days[0][2:])):
        if name != f"d_{number}":
            raise file.fail(f"no column `d_{number}`, but `{name}`", hint="every day has a column")
    return days


def _static(table: Columns, name: str) -> np.ndarray:
    values, words = table.attribute(name)
    return values if words is None else tight(words[values])


def _check_unique(table: Columns, pair: np.ndarray, first: np.ndarray) -> None:
    if len(first) < len(pair):
        again = int(np.argmax(first[pair] != np.arange(len(pair))))
        one, two = table.file.place(int(first[pair[again]])), table.file.place(again)
        raise table.file.fail(f"{one} and {two} are the same SKU and warehouse", hint="keep one row per pair")
