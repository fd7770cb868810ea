"""What is known beside the state: the panel, what stands in for new pairs, and the coming days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from invrl.config.schema import Config, Data
from invrl.demand import masks, timestep
from invrl.demand.features import Normaliser, numeric_static
from invrl.demand.panel import Panel
from invrl.demand.scale import scale_of
from invrl.demand.splits import split
from invrl.demand.supply import with_supply
from invrl.errors import InvrlError
from invrl.recommend.state import Layout, State
from invrl.runs.directory import Run
from invrl.sources.contract import source_panel
from invrl.sources.names import Names, words_in
from invrl.tables.columns import Columns, resolve
from invrl.tables.dates import one_day
from invrl.tables.open import TableFile, open_table
from invrl.tables.unread import unread
from invrl.training.session import anywhere, load_normaliser


@dataclass(frozen=True)
class Catalogue:
    """The panel's N pairs.

    Attributes:
        panel: with supply filled in.
        seen: [T, N] units, its demand with masked days filled (`masks`).
        normaliser: the run's.
        scale, spread: [N] units a day, mean and standard deviation of demand.
        date: the day to order for.
        changed: the run's own data is not what it was trained on.
    """

    panel: Panel
    seen: np.ndarray
    normaliser: Normaliser
    scale: np.ndarray
    spread: np.ndarray
    date: np.datetime64
    changed: bool

    @property
    def day(self) -> int:
        """The date as a day of the panel; it may lie outside."""
        return self.panel.day(self.date)

    @cached_property
    def static(self) -> np.ndarray:
        """[Ks, N] standardised."""
        raw = numeric_static(self.panel)
        return (raw - self.normaliser.static_mean[:, None]) / self.normaliser.static_sd[:, None]

    @property
    def static_names(self) -> list[str]:
        return [name for name, column in self.panel.static.items() if column.dtype.kind in "iufb"]

    @cached_property
    def lead_time(self) -> np.ndarray:
        """[N] days, of an order placed on the date."""
        known = np.atleast_2d(np.asarray(self.panel.lead_time))
        return known[np.clip(self.day, 0, len(known) - 1)]

    @property
    def review_period(self) -> np.ndarray:
        """[N] days."""
        return np.asarray(self.panel.review_period)


def read_catalogue(
    run: Run, config: Config, other: Callable[[Data], Data] | None, date: str | None
) -> Catalogue:
    """The catalogue of a run's own data, or of other data.

    The mean demand of a pair is that of the run's training days; in other data, of all days before the date.

    Args:
        other: the run's data section -> the one to take instead, or None.
        date: None for the day after the panel's last.

    Raises:
        InvrlError: the data lacks feature columns of the run, or the date is no day.
    """
    data = config.data if other is None else other(config.data)
    panel = source_panel(anywhere(data))
    normaliser = load_normaliser(run)
    if normaliser is None:
        raise InvrlError(f"{run.name} was never begun", hint="`invrl runs ls` lists the runs")
    _check_columns(run, panel, normaliser)
    when = panel.date(panel.days) if date is None else _date(date)
    if other is None:
        days = slice(0, split(panel.pairs, panel.days, config.split)["train"].stop)
    else:
        days = slice(0, int(np.clip(panel.day(when), 1, panel.days)))
    scale, spread = _moments(panel, days, panel.day(when))
    panel = with_supply(panel, config.supply)
    seen = masks.filled(panel, days)
    changed = (
        other is None
        and not config.data.forecasts
        and panel.fingerprint() != run.read("manifest.json").get("data_fingerprint")
    )
    return Catalogue(panel, seen, normaliser, scale, spread, when, changed)


def _moments(panel: Panel, days: slice, today: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation [N] on the days; of a pair that sold nothing on them, on all days before today."""
    known, late = scale_of(panel, days), ~panel.demand[days].any(0)
    if not late.any() or today <= days.stop:
        return known
    recent = scale_of(panel, slice(0, min(today, panel.days)))
    mean, spread = (np.where(late, new, old) for new, old in zip(recent, known, strict=True))
    return mean, spread


def _check_columns(run: Run, panel: Panel, normaliser: Normaliser) -> None:
    for what, have, wants in (
        ("known-ahead", len(panel.ahead), normaliser.ahead_mean.size),
        ("numeric static", len(numeric_static(panel)), normaliser.static_mean.size),
    ):
        if have != wants:
            raise InvrlError(
                f"the data has {have} {what} columns, {run.name} was trained with {wants}",
                hint="give data with the columns of the run's config.toml, in its order",
            )


def _date(text: str) -> np.datetime64:
    day = one_day(text)
    if day is None:
        raise InvrlError(f"date `{text}` is no day", hint="such as --date 2024-06-26")
    return day


@dataclass(frozen=True)
class Priors:
    """What is expected of a pair that nothing is known of."""

    scale: np.ndarray  # [rows] units a day
    variation: float  # standard deviation over mean
    lead_time: int
    review_period: int


def priors(catalogue: Catalogue, names: Names) -> Priors:
    """For each row: the mean of its SKU elsewhere, else its warehouse's median, else the panel's."""
    panel, scale = catalogue.panel, catalogue.scale
    guess = np.full(len(names.sku), np.median(scale), np.float32)
    places, place = np.unique(panel.warehouse, return_inverse=True)
    found = words_in(names.warehouses, places)[names.warehouse]
    medians = np.array([np.median(group) for group in _groups(scale, place, len(places))])
    guess = np.where(found >= 0, medians[found], guess)
    skus, sku = np.unique(panel.sku, return_inverse=True)
    found = words_in(names.skus, skus)[names.sku]
    means = np.bincount(sku, scale) / np.bincount(sku)
    guess = np.where(found >= 0, means[found], guess)
    variation = float(np.median(catalogue.spread / scale))
    days = (int(np.median(x)) for x in (catalogue.lead_time, catalogue.review_period))
    return Priors(guess.astype(np.float32), variation, *days)


def _groups(values: np.ndarray, group: np.ndarray, count: int) -> list[np.ndarray]:
    order = np.argsort(group, kind="stable")
    return np.split(values[order], np.cumsum(np.bincount(group, minlength=count))[:-1])


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
    unread(file, has, ["sku", "warehouse", *known], "column ")
    columns = [k for k, name in enumerate(known) if name in has]
    if not columns:
        wanted = ", ".join(known) or "none"
        raise file.fail("none of the run's known-ahead columns", hint=f"they are: {wanted}")
    table = Columns.read(file, has, text=("date", "sku", "warehouse"))
    day = timestep.steps_from(catalogue.date, table.days("date"), catalogue.panel.step)
    hint = f"its dates should be {catalogue.panel.step}s of the data"
    table.refuse("date", day == timestep.BETWEEN, "{}, between two steps", hint)
    keys, series, own = _series(table, names)
    if (own < 0).all():
        raise file.fail("none of its rows is of a pair in the state", hint="write the names as in the state")
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
        codes, known = table.keys(ours)
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
