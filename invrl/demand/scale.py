"""How much a pair sells: the mean in whose multiples costs are counted, and the deviation about it."""

from __future__ import annotations

import numpy as np

from invrl.demand import masks
from invrl.demand.panel import Panel

LEARNED_IN = 28
"""Days from its first sale after which a pair speaks for itself alone."""

CERTAIN = 0.01
"""Least standard deviation of daily demand, in means."""


def scale_of(panel: Panel, days: slice) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard deviation) [N] of daily demand on some days, units a day.

    A pair counts from its first sale on: before, it may not have been for sale. Where those days are fewer
    than `LEARNED_IN`, days of the typical pair, the one in the middle, make them up; so a pair that never
    sold counts as typical. A panel that knows its mean demand keeps it. Demand that never changes deviates
    by `CERTAIN` of its mean, so that a safety factor has an effect.
    """
    history = masks.filled(panel, days)[days]
    length = len(history)
    sold = history.any(0)
    first = (history > 0).argmax(0) if panel.mean_demand is None else 0  # a known law holds all the time
    since = np.where(sold, length - first, 0)
    lacking = np.maximum(min(LEARNED_IN, length) - since, 0)
    total = history.sum(0, dtype=np.float64)
    squares = np.einsum("tn,tn->n", history, history, dtype=np.float64)
    known_best = sold & (lacking == np.min(lacking, where=sold, initial=length))
    typical = _typical(*(x[known_best] for x in (total, squares, since))) if sold.any() else (1.0, 1.0)
    count = since + lacking
    mean, square = ((x + lacking * usual) / count for x, usual in zip((total, squares), typical, strict=True))
    known = mean if panel.mean_demand is None else panel.mean_demand
    return known.astype(np.float32), _deviation(mean, square).astype(np.float32)


def unsold(panel: Panel, pairs: np.ndarray, days: slice) -> np.ndarray:
    """Names of those of the pairs that sold nothing on the days."""
    return panel.names[pairs[~panel.demand[days][:, pairs].any(0)]]


def _typical(total: np.ndarray, squares: np.ndarray, since: np.ndarray) -> tuple[float, float]:
    """Mean demand of a day and of its square, of a pair with the median mean and the median variation."""
    mean = total / since
    middle, variation = np.median(mean), np.median(_deviation(mean, squares / since) / mean)
    return float(middle), float(middle**2 * (1 + variation**2))


def _deviation(mean: np.ndarray, square: np.ndarray) -> np.ndarray:
    return np.maximum(np.sqrt(np.maximum(square - mean**2, 0.0)), CERTAIN * mean)
