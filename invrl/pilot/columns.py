"""Columns of a pilot file as checked arrays; every complaint names the line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from invrl.errors import InvrlError, nearest
from invrl.tables.columns import Columns
from invrl.tables.dates import parse_dates
from invrl.tables.open import TableFile, open_table
from invrl.tables.unread import unread

ROLES = (
    "unit", "date", "stockout", "inventory", "sales",
    "treated", "post", "treatment_date", "weight", "cluster",
)  # fmt: skip
TEXT_ROLES = ("date", "treatment_date", "cluster")
EMPTY = ("", "NA", "NaN", "NaT", "nan", "null", "None")
"""What a control unit may have for a treatment date."""
NO_DAY = -(2**62)


def load(
    path: Path,
    columns: Mapping[str, str],
    needed: Sequence[str],
    covariates: Sequence[str] = (),
    treatment: bool = True,
) -> tuple[Columns, list[str]]:
    """The wanted columns under their roles, and the names of those that make up the unit.

    A file that tells the inventory need not tell the stockouts: `inventory` then stands in for `stockout`.
    """
    for role in columns:
        if role not in ROLES:
            raise InvrlError(f"no column role `{role}`", hint=nearest(role, ROLES))
    file = open_table(path)
    names = {role: role for role in ROLES} | dict(columns)
    unit = names.pop("unit").split(",")
    if names["stockout"] not in file.names and "stockout" not in columns and names["inventory"] in file.names:
        needed = list(dict.fromkeys("inventory" if role == "stockout" else role for role in needed))
    wanted = [*needed, *(role for role in ("weight", "cluster") if role in columns or role in file.names)]
    wanted += _treatment(file, names) if treatment else []
    found = {role: names[role] for role in wanted} | {name: name for name in [*unit, *covariates]}
    for role, name in found.items():
        if name not in file.names:
            raise file.fail(
                f"no column `{name}`", hint=_missing_hint(file, "unit" if role in unit else role, name)
            )
    unread(
        file, found, [role for role in ROLES if role != "unit" and names[role] not in file.names], "--column "
    )
    return Columns.read(file, found, text=[*unit, *TEXT_ROLES, *covariates]), unit


def _missing_hint(file: TableFile, role: str, name: str) -> str:
    close = difflib.get_close_matches(name, file.names, n=1)
    if role == "unit" and {"sku", "warehouse"} <= set(file.names):
        close = ["sku,warehouse"]
    if role not in ROLES:
        return nearest(name, file.names)
    if role in file.names:
        return f"the file calls it `{role}` itself: drop it from --column"
    return f"map it: --column {role}={close[0] if close else 'NAME'}; the file has {', '.join(file.names)}"


def _treatment(file: TableFile, names: Mapping[str, str]) -> list[str]:
    if names["treatment_date"] in file.names:
        return [role for role in ("treatment_date", "treated") if names[role] in file.names]
    if names["treated"] in file.names and names["post"] in file.names:
        return ["treated", "post"]
    raise file.fail(
        "it does not say who is treated and from when",
        hint="bring `treatment_date` (empty for controls) or `treated` and `post`, perhaps by --column",
    )


def unit_days(table: Columns, parts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[M] unit number, [N] unit names, [M] day; a unit has each day once."""
    unit, labels = _units(table, parts)
    day = table.days("date")
    order = np.lexsort((day, unit))
    same = (np.diff(unit[order]) == 0) & (np.diff(day[order]) == 0)
    if same.any():
        at = int(np.argmax(same))
        one, two = (table.file.place(int(row)) for row in np.sort(order[at : at + 2]))
        where = f"{labels[unit[order[at]]]} on {np.datetime64(int(day[order[at]]), 'D')}"
        hint = "one row per unit and day; name all columns of the unit: --column unit=sku,warehouse"
        raise table.file.fail(f"{one} and {two} are both {where}", hint=hint)
    return unit, labels, day


def _units(table: Columns, parts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    unit, labels = table.keys(parts[0])
    for part in parts[1:]:
        code, words = table.keys(part)
        both, unit = np.unique(unit.astype(np.int64) * len(words) + code, return_inverse=True)
        labels = np.char.add(np.char.add(labels[both // len(words)], "@"), words[both % len(words)])
    used, unit = np.unique(unit, return_inverse=True)
    return unit, labels[used]


def start_days(table: Columns, never: int) -> np.ndarray:
    """[M] int, `treatment_date` as days since 1970-01-01; `never` where the cell is empty."""
    import pyarrow
    import pyarrow.types as kind

    name = table.names["treatment_date"]
    column = table.table.column(name)
    if kind.is_temporal(column.type):
        empty = column.is_null().to_numpy()
        filled = column.fill_null(
            pyarrow.scalar(0, pyarrow.int64()).cast(pyarrow.timestamp("s")).cast(column.type)
        )
        whole = table.table.set_column(table.table.column_names.index(name), name, filled)
        return np.where(empty, never, Columns(table.file, table.names, whole).days("treatment_date"))
    if not kind.is_dictionary(column.type):
        column = column.cast("string").dictionary_encode()
    array: Any = column.combine_chunks()
    words = np.array([*array.dictionary.to_pylist(), ""], dtype=str)
    codes = array.indices.fill_null(len(words) - 1).to_numpy()
    empty = np.isin(words, EMPTY)
    days = np.where(empty, never, parse_dates(words))
    wrong = days == NO_DAY
    table.refuse("treatment_date", wrong[codes], "{}, not a day", "write 2024-03-28; empty for controls")
    return days[codes]


def flags(table: Columns, role: str) -> np.ndarray:
    """[M] bool from a column of 0 and 1."""
    values = table.numbers(role)
    table.refuse(role, ~np.isin(values, (0, 1)), "{}", "only 0 and 1 are allowed")
    return values > 0


def shares(table: Columns, role: str) -> np.ndarray:
    """[M] float within 0 and 1."""
    values = table.numbers(role, low=0)
    table.refuse(role, values > 1, "{}", "a share between 0 and 1 is expected, not a percentage")
    return values.astype(float)


def per_unit(table: Columns, role: str, values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """[N] from [M]: a property of the unit, the same on all its rows."""
    _, first = np.unique(unit, return_index=True)
    hint = "it belongs to the unit: the same on all its rows"
    if role == "weight":
        hint = "give each unit one weight, such as its mean sales before the pilot"
    differs = values != values[first][unit]
    table.refuse(role, differs, "{}, not what the unit has on its first row", hint)
    return values[first]
