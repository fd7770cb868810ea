"""Averages and naive repetition: forecasts that need no training, and that anything else must beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from invrl.forecasters.past import Past

STEPS = 8
"""Past cycles that a pair's own season is taken from, days only."""
PRIOR = 20.0
"""Units: a pair that sold fewer in a place of the cycle has about the season of all pairs."""


def seasonal_average(past: Past, origins: tuple[int, ...]) -> Callable[[int], dict[str, np.ndarray]]:
    """The mean of recent days, each divided by its season, times the season of the day forecast."""

    def at(origin: int) -> dict[str, np.ndarray]:
        season = _season(past, origin)  # [places of the cycle, N or 1]
        days = np.arange(max(origin - past.level_days, 0), origin)
        usual = season[past.phases[days]]
        level = past.demand[days].sum(0) / np.maximum(usual.sum(0), 1e-9)
        ahead = past.phases[origin : origin + past.horizon]
        return {"": past.cut((level * season[ahead]).astype(np.float32), origin)}

    return at


def _season(past: Past, origin: int) -> np.ndarray:
    """[places, N or 1] demand by place in the cycle, 1 for the mean place, and until two cycles are known."""
    places = int(np.ceil(past.cycle))
    if origin < 2 * past.cycle:
        return np.ones((places, 1))
    where = past.phases[:origin]
    shared = _shared(past, origin, where, places)
    if past.panel.step != "day":
        return shared[:, None]
    recent = slice(max(origin - int(STEPS * past.cycle), 0), origin)
    demand, where = past.demand[recent], where[recent]
    mean = demand.mean(0)
    own = np.empty((places, demand.shape[1]))
    for place in range(places):
        inside = where == place
        expected = mean * shared[place] * inside.sum()
        own[place] = shared[place] * (demand[inside].sum(0) + PRIOR) / (expected + PRIOR)
    return own


def _shared(past: Past, origin: int, where: np.ndarray, places: int) -> np.ndarray:
    """[places] the season of all pairs together, each counted in multiples of its mean."""
    mean = np.maximum(past.demand[:origin].mean(0), 1e-9)
    weight = np.where(mean > 1e-9, 1 / mean, 0) ** 0.5  # between counting units and counting pairs
    by_day = past.demand[:origin] @ weight / np.maximum(mean @ weight, 1e-9)
    count = np.bincount(where, minlength=places)
    season = np.where(count > 0, np.bincount(where, by_day, places) / np.maximum(count, 1), 1.0)
    if past.panel.step == "week":  # a place has one or two values: its neighbours are like it
        season = np.mean([np.roll(season, k) for k in (-2, -1, 0, 1, 2)], 0)
    return season / season.mean()


def seasonal_naive(past: Past, origins: tuple[int, ...]) -> Callable[[int], dict[str, np.ndarray]]:
    """Demand of the same day of the last cycle; of the last day where no cycle is known."""
    cycle = round(past.cycle)

    def at(origin: int) -> dict[str, np.ndarray]:
        day = origin + np.arange(past.horizon)
        same = day - cycle * ((day - origin) // cycle + 1)
        same = np.where(same < 0, origin - 1, same)
        return {"": past.cut(past.demand[same].astype(np.float32), origin)}

    return at
