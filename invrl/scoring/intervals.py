"""Weighted means over pairs, with bootstrap intervals clustered by SKU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CHUNK = 20_000_000
"""Resampling weights held at once, entries."""


class Estimate(NamedTuple):
    """A mean over pairs and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Zero lies outside the interval; one of no width (a single cluster) is no evidence."""
        return self.low < self.high and not self.low <= 0 <= self.high


def estimate(
    values: dict[str, np.ndarray], weight: np.ndarray, clusters: np.ndarray, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Weighted means of per-pair values, with percentile intervals of a cluster bootstrap.

    A difference between two policies is estimated by handing in the per-pair differences: the
    comparison is then paired.

    Args:
        values: name -> [N].
        weight: [N] >= 0.
        clusters: [N] labels.
        resamples: 0 gives intervals of the mean alone.
    """
    drawn = resampled(np.stack(list(values.values())), weight, clusters, resamples, seed)
    return {name: interval(drawn[:, k]) for k, name in enumerate(values)}


def interval(drawn: np.ndarray) -> Estimate:
    """What is left of [1 + R] figures: the first, and the middle 95 % of the others."""
    low, high = np.percentile(drawn[1:] if drawn.size > 1 else drawn, [2.5, 97.5])
    return Estimate(float(drawn[0]), float(low), float(high))


def resampled(
    values: np.ndarray, weight: np.ndarray, clusters: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """[1 + R, M] weighted means of [M, N] values: first the sample's own, then its bootstrap samples'.

    Whole clusters (all warehouses of a SKU) are drawn with replacement, as their pairs share
    their fate. The same clusters and seed draw the same samples: figures made of them are paired.
    """
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    mass = np.bincount(code, weight, count)
    sums = np.stack([np.bincount(code, weight * row, count) for row in values.astype(np.float64)])
    rng = np.random.default_rng(seed)
    parts = [sums.sum(1)[None] / mass.sum()]
    chunk = max(1, min(resamples, CHUNK // count))
    for first in range(0, resamples, chunk):
        size = min(chunk, resamples - first)
        times = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        total = times @ mass
        parts.append((times @ sums.T) / np.maximum(total, 1e-300)[:, None])
    return np.concatenate(parts)
