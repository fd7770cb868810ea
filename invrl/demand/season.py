"""The season of the year, shared by all pairs, of panels of weeks or months.

One index for each week (month) of the year: demand against its own level over half a year around it, over
all pairs of the training days. It turns trailing demand into demand of the coming weeks. A year seen only
once may be anything: below a year and a half there is none. (The season of the
week, in daily panels, is each pair's own: `features.forecast`.)
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.demand import masks, timestep
from invrl.demand.panel import Panel
from invrl.demand.sums import cumulative

YEARS = 1.5
"""Least number of years to learn a season from."""
TYPICAL = 0.2
"""Relative deviation from the level that a season is expected to have, before it is seen."""
ROUNDS = 4
"""Of level and season in turn: each is measured without the other."""
FURTHEST = 256
"""Days beyond the panel that the season is laid out for; lead time and review period are shorter."""


def fit_season(panel: Panel, pairs: np.ndarray, days: slice) -> np.ndarray:
    """[S] float32, about 1 on average; empty where a panel has none."""
    cycle = timestep.STEPS[panel.step]
    if panel.step == "day" or days.stop < YEARS * cycle:
        return np.zeros(0, np.float32)
    known = masks.observed(panel)
    counts = np.ones(panel.demand.shape, bool) if known is None else known
    demand, counts = (x[days][:, pairs].astype(np.float64) for x in (panel.demand, counts))
    demand *= counts
    size = int(np.ceil(cycle))
    bins = ((timestep.phase(panel.start, panel.step) + np.arange(len(demand))) % cycle).astype(int)
    season = np.ones(size)
    for _ in range(ROUNDS):
        expected = counts * season[bins][:, None]
        level = _centred(demand, int(cycle / 4)) / np.maximum(_centred(expected, int(cycle / 4)), 1e-9)
        season = _shrunk(demand, counts * level, bins, size)
    return season.astype(np.float32)


def _centred(x: np.ndarray, half: int) -> np.ndarray:
    """[T, N] sums over the days t - half .. t + half that there are."""
    sums = masks.cumulative(x)
    day = np.arange(len(x))
    return sums[np.minimum(day + half + 1, len(x))] - sums[np.maximum(day - half, 0)]


def _shrunk(demand: np.ndarray, level: np.ndarray, bins: np.ndarray, size: int) -> np.ndarray:
    """[S] demand / level by bin, drawn to 1 as far as it is noise (credibility, Buhlmann 1967)."""
    total, base, cells = (
        np.bincount(bins, x.sum(1), minlength=size) for x in (demand, level, (level > 0).astype(float))
    )
    noise = ((demand - level)[level > 0] ** 2).mean() / max(level[level > 0].mean(), 1e-30) ** 2
    trust = cells / (cells + noise / TYPICAL**2)
    season = 1 + trust * (np.divide(total, base, out=np.ones(size), where=base > 0) - 1)
    return np.maximum(season / season[bins].mean(), 1e-3)


def laid_out(season: Array, phase: float, cycle: float, days: int) -> Array:
    """[days + FURTHEST] the index of each day of a panel, and beyond."""
    day = jnp.arange(days + FURTHEST)
    return season[((day + phase) % cycle).astype(int)]


def coming(index: Array, first: Array, length: Array) -> Array:
    """Mean of an index [T'] over the days [first, first + length), both [C, B]."""
    sums = cumulative(index)
    stop = jnp.minimum(first + length, len(index))
    return (sums[stop] - sums[first]) / jnp.maximum(length, 1)
