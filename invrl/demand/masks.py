"""Days that say nothing about demand: out of stock, closed, not listed.

A masked day is measured by nobody and trained on by nobody, and no feature, scale or forecast takes it for
a day without demand: there it counts as the pair's recent demand (`filled`). In the simulator

    out of stock    demand goes on as it was lately, or as much as was sold if that was more
    not open        nothing is asked for; orders are placed only while the pair is listed

All of it looks back only: what stands in for a day is made of the days before it.
"""

from __future__ import annotations

import numpy as np

from invrl.demand.panel import Panel

RECENT = 28
"""Days whose mean, of those that count, stands in for a masked day."""


def observed(panel: Panel) -> np.ndarray | None:
    """[T, N] bool: the day's demand is known; None where all are."""
    if panel.in_stock is None and panel.open is None:
        return None
    known = np.ones(panel.demand.shape, bool)
    if panel.in_stock is not None:
        known &= panel.in_stock >= 1
    if panel.open is not None:
        known &= panel.open
    return known


def filled(panel: Panel, training: slice) -> np.ndarray:
    """[T, N] demand with recent demand in place of masked days: what features, scales and forecasts see.

    A day before the first that counts has the mean of the training days that do, which scales know anyway.
    """
    known = observed(panel)
    if known is None:
        return panel.demand
    sums = cumulative(np.where(known, panel.demand, 0.0))
    counts = cumulative(known)
    day = np.arange(panel.days)
    since = np.maximum(day - RECENT, 0)
    total, count = sums[day] - sums[since], counts[day] - counts[since]
    total, count = np.where(count > 0, (total, count), (sums[day], counts[day]))
    end = training.indices(panel.days)[1]
    early, days = sums[end], counts[end]
    prior = early / np.maximum(days, 1)
    recent = np.where(count > 0, total / np.maximum(count, 1), prior)
    return np.where(known, panel.demand, np.maximum(panel.demand, recent)).astype(np.float32)


def seen(panel: Panel, training: slice) -> np.ndarray | None:
    """What features see of demand where it is not all of it (`filled`); None where it is."""
    found = filled(panel, training)
    return None if found is panel.demand else found


def cumulative(x: np.ndarray) -> np.ndarray:
    """[T+1, N] sums of the days before each."""
    return np.concatenate([np.zeros_like(x[:1], np.float64), np.cumsum(x, 0, dtype=np.float64)])


def simulated(panel: Panel, seen: np.ndarray) -> np.ndarray:
    """[T, N] demand of the simulated customers: `seen` (`filled`), but none when not open."""
    return seen if panel.open is None else np.where(panel.open, seen, np.float32(0))


def listed(panel: Panel) -> np.ndarray | None:
    """[T, N] bool: from the first open day of a pair to its last one; None where all days are."""
    return None if panel.open is None else span(panel.open)


def span(flags: np.ndarray) -> np.ndarray:
    """[T, N] bool: from the first day of each pair that is flagged to its last one."""
    return np.maximum.accumulate(flags, 0) & np.maximum.accumulate(flags[::-1], 0)[::-1]
