"""The coming days of the known-ahead columns (promotions, holidays): from the panel, files and the state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from invrl.demand.columns import Columns, resolve
from invrl.demand.table_file import TableFile, open_table
from invrl.recommend.catalogue import Catalogue
from invrl.recommend.names import Names, words_in
from invrl.recommend.state import Layout, State

MOST_DAYS = 180
"""Coming days that are looked at."""


class AheadFile(NamedTuple):
    """What a file says of the coming days, for S series: all pairs, SKUs, warehouses, or pairs."""

    values: np.ndarray  # [H, k, S], NaN where it says nothing
    columns: list[int]  # [k] which known-ahead column each is
    series: np.ndarray  # [rows] the series of each row of the state, -1 for none


def read_ahead_file(path: Path, catalogue: Catalogue, names: Names) -> AheadFile:
    """A table of `date`, perhaps `sku` and `warehouse`, and known-ahead columns; earlier days are left out.

    Raises:
        InvrlError: none of the known-ahead columns, no coming day, or a day with two rows.
    """
    file = open_table(path)
    known = list(catalogue.panel.ahead)
    if "date" not in file.names:
        raise file.fail("no column `date`", hint="a row per day: date, perhaps sku and warehouse, and more")
    has = resolve(file, {}, ("date",), ("sku", "warehouse", *known))
    columns = [k for k, name in enumerate(known) if name in has]
    if not columns:
        wanted = ", ".join(known) or "none"
        raise file.fail("none of the run's known-ahead columns", hint=f"they are: {wanted}")
    table = Columns.read(file, has, text=("date", "sku", "warehouse"))
    day = table.days("date") - int(catalogue.date.astype("datetime64[D]").astype(int))
    keys, series, own = _series(table, names)
    _check_once(file, day, series, catalogue)
    kept = (day >= 0) & (day < MOST_DAYS)
    if not kept.any():
        raise file.fail(f"no row of {catalogue.date} or later", hint="it should tell of the coming days")
    values = np.full((int(day[kept].max()) + 1, len(columns), keys), np.nan, np.float32)
    for place, k in enumerate(columns):
        values[day[kept], place, series[kept]] = table.numbers(known[k])[kept]
    return AheadFile(values, columns, own)


def _series(table: Columns, names: Names) -> tuple[int, np.ndarray, np.ndarray]:
    """How many series the file has, the series of its rows, and that of each row of the state."""
    own, theirs = np.zeros(len(names.sku), np.int64), np.zeros(table.table.num_rows, np.int64)
    keys = (("sku", names.sku, names.skus), ("warehouse", names.warehouse, names.warehouses))
    for ours, code, words in keys:
        if ours not in table:
            continue
        codes, known = table.text(ours)
        found = words_in(words, known)[code]
        theirs = theirs * len(known) + codes
        own = np.where((own < 0) | (found < 0), -1, own * len(known) + found)
    used, series = np.unique(theirs, return_inverse=True)
    place = np.minimum(np.searchsorted(used, own), len(used) - 1)
    return len(used), series, np.where(used[place] == own, place, -1)


def _check_once(file: TableFile, day: np.ndarray, series: np.ndarray, catalogue: Catalogue) -> None:
    code = series * (np.ptp(day) + 1) + day - day.min()
    order = np.argsort(code, kind="stable")
    again = code[order][1:] == code[order][:-1]
    if again.any():
        one, two = sorted(order[np.argmax(again) :][:2])
        when = catalogue.date + day[one]
        text = f"{file.place(int(one))} and {file.place(int(two))} are of the same day, {when}"
        raise file.fail(text, hint="keep one row per day (and SKU and warehouse, where it has those columns)")


class Coming(NamedTuple):
    """All that is known of the coming days."""

    catalogue: Catalogue
    files: Sequence[AheadFile]
    days: int  # H, from the date to the last day that anything is known of

    def values(self, state: State, pair: np.ndarray) -> np.ndarray:
        """[H, Ka, B]; the state's columns win over files, files over the panel; NaN where nothing is known.

        Args:
            pair: [B] index into the panel, -1 for pairs it does not have.
        """
        panel, day = self.catalogue.panel, self.catalogue.day
        out = np.full((self.days, len(panel.ahead), state.rows), np.nan, np.float32)
        for k, column in enumerate(panel.ahead.values()):
            if 0 <= day < panel.days:
                held = column[day : day + self.days]
                out[: len(held), k] = np.where(pair >= 0, held[:, pair], np.nan)
        for file in self.files:
            series = file.series[state.start : state.start + state.rows]
            for place, k in enumerate(file.columns):
                _lay(out[:, k], np.where(series >= 0, file.values[:, place, series], np.nan))
        for k, name in enumerate(panel.ahead):
            if name in state.ahead:
                _lay(out[:, k], state.ahead[name])
        return out


def _lay(below: np.ndarray, above: np.ndarray) -> None:
    """Write what `above` knows over the first rows of `below`, in place."""
    rows = below[: len(above)]
    rows[:] = np.where(np.isnan(above[: len(rows)]), rows, above[: len(rows)])


def coming(catalogue: Catalogue, files: Sequence[AheadFile], layout: Layout) -> Coming:
    held = catalogue.panel.days - catalogue.day if catalogue.panel.ahead and catalogue.day >= 0 else 0
    known = [held, *(len(file.values) for file in files), *layout.ahead.values()]
    return Coming(catalogue, files, min(max(1, *known), MOST_DAYS))
