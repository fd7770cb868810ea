"""The season of the year, shared by all pairs, of panels of weeks or months.

An index for each day that a week may begin on (each month): demand against its own level over half a year
around it, over all pairs of the training days. Weeks of other years begin on other days: those that begin
nearer count more, so a feast of one date moves between two weeks as it does in the calendar. It turns
trailing demand into demand of the coming weeks. A year seen only once may be anything: below a year and a
half there is none. (The season of the week, in daily panels, is each pair's own: `features.forecast`.)
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
FINE = 7
"""Places of the year in a step."""
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
    phases = (timestep.phase(panel.start, panel.step) + np.arange(len(demand))) % cycle
    near = _nearness(phases, cycle)
    place, season = (phases * FINE).astype(int), np.ones(len(near))
    for _ in range(ROUNDS):
        expected = counts * season[place][:, None]
        level = _centred(demand, int(cycle / 4)) / np.maximum(_centred(expected, int(cycle / 4)), 1e-9)
        season = _shrunk(demand, counts * level, near)
        season = np.maximum(season / season[place].mean(), 1e-3)
    return season.astype(np.float32)


def _nearness(phases: np.ndarray, cycle: float) -> np.ndarray:
    """[S, T] how much the steps count at each place of the year: 1 on their own, 0 from a step away on."""
    apart = np.abs(np.arange(int(np.ceil(cycle)) * FINE)[:, None] / FINE - phases)
    return np.maximum(1 - np.minimum(apart, cycle - apart), 0)


def _centred(x: np.ndarray, half: int) -> np.ndarray:
    """[T, N] sums over the days t - half .. t + half that there are."""
    sums = masks.cumulative(x)
    day = np.arange(len(x))
    return sums[np.minimum(day + half + 1, len(x))] - sums[np.maximum(day - half, 0)]


def _shrunk(demand: np.ndarray, level: np.ndarray, near: np.ndarray) -> np.ndarray:
    """[S] demand / level by place, drawn to 1 as far as it is noise (credibility, Buhlmann 1967).

    A pair counts by its level L as 1 / (1 + L / mean L): in units as long as chance rules, in shares of its
    own where it sells much, or a few such pairs would make the season of all.
    """
    cells = level > 0
    weight = 1 / (1 + level / max(level[cells].mean(), 1e-30))
    demand, level = weight * demand, weight * level
    noise = ((demand - level)[cells] ** 2).mean() / max(level[cells].mean(), 1e-30) ** 2
    total, base, count = (near @ x.sum(1) for x in (demand, level, cells))
    trust = count / (count + noise / TYPICAL**2)
    return 1 + trust * (np.divide(total, base, out=np.ones(len(near)), where=base > 0) - 1)


def laid_out(season: Array, phase: float, cycle: float, days: int) -> Array:
    """[days + FURTHEST] the index of each day of a panel, and beyond."""
    day = jnp.arange(days + FURTHEST)
    fine = season.size // int(np.ceil(cycle))  # 1 in runs of before there were more
    return season[((day + phase) % cycle * fine).astype(int)]


def coming(index: Array, first: Array, length: Array) -> Array:
    """Mean of an index [T'] over the days [first, first + length), both [C, B]."""
    sums = cumulative(index)
    stop = jnp.minimum(first + length, len(index))
    return (sums[stop] - sums[first]) / jnp.maximum(length, 1)
