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

    Whole clusters (all warehouses of a SKU) are drawn with replacement, as their pairs share
    their fate. A difference between two policies is estimated by handing in the per-pair
    differences: the comparison is then paired.

    Args:
        values: name -> [N].
        weight: [N] >= 0.
        clusters: [N] labels.
        resamples: 0 gives intervals of the mean alone.
    """
    stacked = np.stack([v.astype(np.float64) for v in values.values()])  # [M, N]
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    mass = np.bincount(code, weight, count)
    sums = np.stack([np.bincount(code, weight * row, count) for row in stacked])
    means = sums.sum(1) / mass.sum()
    draws = _resampled(sums, mass, resamples, seed) if resamples else means[None]
    low, high = np.percentile(draws, [2.5, 97.5], axis=0)
    return {name: Estimate(float(means[k]), float(low[k]), float(high[k])) for k, name in enumerate(values)}


def _resampled(sums: np.ndarray, mass: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """[R, M] means of R bootstrap samples of the clusters."""
    rng = np.random.default_rng(seed)
    count = mass.size
    chunk = max(1, min(resamples, CHUNK // count))
    parts = []
    for first in range(0, resamples, chunk):
        size = min(chunk, resamples - first)
        times = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        total = times @ mass
        parts.append((times @ sums.T) / np.maximum(total, 1e-300)[:, None])
    return np.concatenate(parts)
