"""Columns of a pilot file as checked arrays; every complaint names the line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from invrl.errors import InvrlError, nearest

TEXT_ROLES = ("unit", "date", "treatment_date", "cluster")
MISSING = ["", "NA", "NaN", "nan", "null", "None"]

Place = Callable[[int], str]


def load(
    path: Path, names: Mapping[str, str], needed: Sequence[str], covariates: Sequence[str], treatment: bool
) -> tuple[Any, Place]:
    """The wanted columns as a data frame, and what to call its i-th row."""
    if not path.is_file():
        raise InvrlError(f"no file {path}", hint="give a CSV or Parquet file with one row per unit and day")
    parquet = path.suffix in (".parquet", ".pq")
    if not parquet and ".csv" not in path.suffixes:
        raise InvrlError(f"{path} is neither CSV nor Parquet", hint="its name ends in .csv or .parquet")
    present = _header(path, parquet)
    wanted = names["unit"].split(",") + [names[role] for role in needed] + list(covariates)
    wanted += _treatment_columns(path, names, present) if treatment else []
    for column in wanted:
        if column not in present:
            close = nearest(column, present)
            raise InvrlError(f"{path} has no column `{column}`", hint=f"{close} Map it: --column ROLE=NAME")
    for role in ("weight", "cluster"):
        if names[role] in present:
            wanted.append(names[role])
        elif names[role] != role:
            raise InvrlError(f"{path} has no column `{names[role]}`", hint=nearest(names[role], present))
    wanted = list(dict.fromkeys(wanted))
    text = [c for role in TEXT_ROLES for c in names[role].split(",") if c in wanted]
    frame = _parquet(path, wanted) if parquet else _csv(path, wanted, text)
    if not len(frame):
        raise InvrlError(f"{path} has no rows", hint="one row per unit and day is expected")
    word, first = ("row", 1) if parquet else ("line", 2)
    return frame, lambda row: f"{path}, {word} {row + first}"


def _treatment_columns(path: Path, names: Mapping[str, str], present: Sequence[str]) -> list[str]:
    if names["treatment_date"] in present:
        return [names[role] for role in ("treatment_date", "treated") if names[role] in present]
    if names["treated"] in present and names["post"] in present:
        return [names["treated"], names["post"]]
    raise InvrlError(
        f"{path} does not say who is treated and from when",
        hint="bring `treatment_date` (empty for controls) or `treated` and `post`, perhaps by --column",
    )


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise InvrlError("reading a pilot table needs pandas", hint="pip install 'invrl[pilot]'") from None
    return pandas


def _header(path: Path, parquet: bool) -> list[str]:
    if not parquet:
        pandas = _pandas()
        try:
            return list(pandas.read_csv(path, nrows=0).columns)
        except (ValueError, OSError) as error:  # pandas' own errors for bad text are ValueErrors
            raise InvrlError(f"{path} cannot be read: {error}", hint="CSV with one header line") from None
    try:
        from pyarrow import ArrowInvalid
        from pyarrow.parquet import read_schema
    except ImportError:
        raise InvrlError("reading Parquet needs pyarrow", hint="pip install 'invrl[parquet]'") from None
    try:
        return list(read_schema(path).names)
    except (ArrowInvalid, OSError) as error:
        raise InvrlError(f"{path} cannot be read: {error}", hint="is it a Parquet file?") from None


def _parquet(path: Path, wanted: list[str]) -> Any:
    return _pandas().read_parquet(path, columns=wanted)


def _csv(path: Path, wanted: list[str], text: list[str]) -> Any:
    pandas = _pandas()
    try:
        return pandas.read_csv(
            path,
            usecols=wanted,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,  # a SKU may be called NA
            na_values=dict.fromkeys(set(wanted) - set(text), MISSING),
            low_memory=False,
        )
    except ValueError as error:
        raise InvrlError(f"{path} cannot be read: {error}", hint="is every line complete?") from None


def unit_days(
    frame: Any, names: Mapping[str, str], place: Place
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[M] unit number, [N] unit names, [M] day; a unit has each day once."""
    unit, labels = _units(frame, names["unit"].split(","), place)
    day = dates(frame, names["date"], place)
    order = np.lexsort((day, unit))
    same = (np.diff(unit[order]) == 0) & (np.diff(day[order]) == 0)
    if same.any():
        row = int(order[np.argmax(same) + 1])
        raise InvrlError(
            f"{place(row)}: unit {labels[unit[row]]} has {np.datetime64(int(day[row]), 'D')} twice",
            hint="one row per unit and day; name all columns of the unit: --column unit=sku,warehouse",
        )
    return unit, labels, day


def _units(frame: Any, columns: Sequence[str], place: Place) -> tuple[np.ndarray, np.ndarray]:
    unit, labels = np.zeros(len(frame), np.int64), np.array([""])
    for column in columns:
        code, values = _pandas().factorize(frame[column])
        values = np.asarray(values).astype(str)
        empty = (code < 0) | np.append(values == "", True)[code]
        if empty.any():
            where = place(int(np.argmax(empty)))
            raise InvrlError(f"{where}: `{column}` is empty", hint="every row names its unit")
        both, unit = np.unique(unit * len(values) + code, return_inverse=True)
        mark = "@" if column != columns[0] else ""
        labels = np.char.add(np.char.add(labels[both // len(values)], mark), values[both % len(values)])
    return unit, labels


def dates(frame: Any, column: str, place: Place, missing: int | None = None) -> np.ndarray:
    """[M] int days since 1970-01-01; empty cells become `missing`, if one is given."""
    pandas = _pandas()
    code, values = pandas.factorize(frame[column])
    text = pandas.Series([str(value) for value in values], dtype=object)
    parsed = pandas.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    day = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    number = np.append(day.astype(np.int64), np.iinfo(np.int64).min)[code]  # code -1: the cell is empty
    empty = (code < 0) | np.append([t in MISSING for t in text], True)[code]
    bad = np.append(np.isnat(day), True)[code] & ~empty
    if missing is None:
        bad |= empty
    if bad.any():
        row = int(np.argmax(bad))
        raise InvrlError(
            f"{place(row)}: no date in `{column}`: {frame[column].iloc[row]!r}", hint="2024-07-31"
        )
    return number if missing is None else np.where(empty, missing, number)


def numbers(
    frame: Any,
    column: str,
    place: Place,
    low: float | None = None,
    high: float | None = None,
    only: Sequence[float] = (),
) -> np.ndarray:
    """[M] float, finite, within [low, high] or one of `only`."""
    values = _pandas().to_numeric(frame[column], errors="coerce").to_numpy(float)
    bad, rule = ~np.isfinite(values), "a number is expected on every row; fill or drop the others yourself"
    if not bad.any() and only:
        bad, rule = ~np.isin(values, only), f"only {' and '.join(f'{x:g}' for x in only)} are allowed"
    if not bad.any() and low is not None:
        bad, rule = values < low, f"it cannot be below {low:g}"
    if not bad.any() and high is not None:
        bad, rule = values > high, f"a share between 0 and {high:g} is expected, not a percentage"
    if bad.any():
        row = int(np.argmax(bad))
        raise InvrlError(f"{place(row)}: `{column}` is {frame[column].iloc[row]}", hint=rule)
    return values


def per_unit(values: np.ndarray, unit: np.ndarray, labels: np.ndarray, name: str) -> np.ndarray:
    """[N] from [M]: a property of the unit, the same on all its rows."""
    _, first = np.unique(unit, return_index=True)
    changed = values != values[first][unit]
    if changed.any():
        where = labels[unit[np.argmax(changed)]]
        hints = {"weight": "give each unit one weight, such as its mean sales before the pilot"}
        hint = hints.get(name, f"`{name}` is a property of the unit, the same on all its rows")
        raise InvrlError(f"`{name}` of unit {where} changes from day to day", hint=hint)
    return values[first]
