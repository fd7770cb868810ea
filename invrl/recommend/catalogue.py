"""What is known of the pairs before the state file is read: the panel, and what stands in for new pairs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from invrl.config import Config, Data
from invrl.demand.episodes import scale_of
from invrl.demand.features import Normaliser, numeric_static
from invrl.demand.panel import Panel
from invrl.demand.sources import source_panel
from invrl.demand.splits import split
from invrl.demand.supply import with_supply
from invrl.errors import InvrlError
from invrl.recommend.names import Names, words_in
from invrl.runs import Run
from invrl.session import load_normaliser


@dataclass(frozen=True)
class Catalogue:
    """The panel's N pairs.

    Attributes:
        panel: with supply filled in.
        normaliser: the run's.
        scale, spread: [N] units a day, mean and standard deviation of demand.
        date: the day to order for.
        changed: the run's own data is not what it was trained on.
    """

    panel: Panel
    normaliser: Normaliser
    scale: np.ndarray
    spread: np.ndarray
    date: np.datetime64
    changed: bool

    @property
    def day(self) -> int:
        """The date as a day of the panel; it may lie outside."""
        return int((self.date - self.panel.start.astype("datetime64[D]")).astype(int))

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
    panel = source_panel(replace(data, path=os.path.abspath(data.path)) if data.path else data)
    normaliser = load_normaliser(run)
    if normaliser is None:
        raise InvrlError(f"{run.name} was never begun", hint="`invrl runs ls` lists the runs")
    _check_columns(run, panel, normaliser)
    when = panel.start + panel.days if date is None else _date(date)
    if other is None:
        days = slice(0, split(panel.pairs, panel.days, config.split)["train"].stop)
    else:
        days = slice(0, int(np.clip((when - panel.start).astype(int), 1, panel.days)))
    scale, spread = scale_of(panel, days)
    panel = with_supply(panel, config.supply)
    changed = other is None and panel.fingerprint() != run.read("manifest.json").get("data_fingerprint")
    return Catalogue(panel, normaliser, scale, spread, when, changed)


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
    try:
        return np.datetime64(text, "D")
    except ValueError:
        raise InvrlError(f"date `{text}` is no day", hint="such as --date 2024-06-26") from None


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
