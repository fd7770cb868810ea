"""How much a pair sells: the mean in whose multiples costs are counted, and the deviation about it."""

from __future__ import annotations

import numpy as np

from invrl.demand import masks
from invrl.demand.panel import Panel

SINCE_FIRST = 28
"""Days, at least, over which a pair's demand is averaged: one sale yesterday is not a unit a day."""

CERTAIN = 0.01
"""Least standard deviation of daily demand, in means."""


def scale_of(panel: Panel, days: slice) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard deviation) [N] of daily demand on some days, units a day.

    A pair counts from its first sale on: before, it may not have been for sale. One that never sold has the
    mean of the pair in the middle of those that did. A panel that knows its mean demand keeps it. Demand that
    never changes deviates by `CERTAIN` of its mean, so that a safety factor has an effect.
    """
    history = masks.filled(panel, days)[days]
    length = len(history)
    first = np.where(history.any(0), (history > 0).argmax(0), 0)
    since = np.maximum(length - first, min(SINCE_FIRST, length))
    total = history.sum(0, dtype=np.float64)
    squares = np.einsum("tn,tn->n", history, history, dtype=np.float64)
    mean = total / since
    sd = np.maximum(np.sqrt(np.maximum(squares / since - mean**2, 0.0)), CERTAIN * mean)
    sold = total > 0
    typical = float(np.median(mean[sold])) if sold.any() else 1.0
    known = np.where(sold, mean, typical) if panel.mean_demand is None else panel.mean_demand
    return known.astype(np.float32), sd.astype(np.float32)
