"""Weighted means over pairs, with bootstrap intervals clustered by SKU."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

COVERS = "intervals cover the sampling of SKUs, not of seeds or days"
"""Said under every table of intervals."""
COVERS_SEEDS = "intervals cover the sampling of SKUs, and of seeds where a cell has several, not of days"

CHUNK = 20_000_000
"""Resampling weights held at once, entries."""
KEPT = 5_000_000
"""Resampling weights kept for the next figure, entries at most."""


class Estimate(NamedTuple):
    """A mean over pairs and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Zero lies outside the interval; one of no width (a single cluster) is no evidence."""
        return self.low < self.high and not self.low <= 0 <= self.high

    @property
    def star(self) -> str:
        return "*" if self.significant else ""


def weighted_means(values: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, float]:
    """name -> mean over pairs of values [N], in float64 so that a large panel's mean is exact to print."""
    weight = weight.astype(np.float64)
    return {name: float(weight @ each / weight.sum()) for name, each in values.items()}


def plus_minus(found: Estimate, unit: float = 1) -> str:
    """`1.23±0.10`: a mean and half its interval."""
    return f"{found.mean * unit:.2f}±{(found.high - found.low) / 2 * unit:.2f}"


def signed(found: Estimate, unit: float = 1) -> str:
    """`+1.23±0.10*`: a difference, half its interval, and a star where that excludes zero."""
    half = (found.high - found.low) / 2 * unit
    return f"{found.mean * unit:+.2f}±{half:.2f}{found.star}"


def percent(found: Estimate, base: float) -> str:
    """`+1.2±0.1*`: a difference in per cent of `base`; a dash where there is nothing to divide by."""
    if not base or not math.isfinite(100 / base):
        return "-"
    half = abs((found.high - found.low) / 2 / base)
    return f"{100 * found.mean / base:+.1f}±{100 * half:.1f}{found.star}"


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
    """What is left of [1 + R] figures: the first, and the middle 95 % of the others.

    Samples without a figure, such as those that drew only pairs of weight 0, tell nothing.
    """
    others = drawn[1:][np.isfinite(drawn[1:])]
    low, high = np.percentile(others if others.size else drawn[:1], [2.5, 97.5])
    return Estimate(float(drawn[0]), float(low), float(high))


def resampled(
    values: np.ndarray, weight: np.ndarray, clusters: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """[1 + R, M] weighted means of [M, N] values: first the sample's own, then its bootstrap samples'.

    Whole clusters (all warehouses of a SKU) are drawn with replacement, as their pairs share
    their fate. The same clusters and seed draw the same samples: figures made of them are paired.
    A sample of no weight has no mean: NaN.
    """
    _, code = np.unique(clusters, return_inverse=True)
    count = int(code.max()) + 1
    mass = np.bincount(code, weight, count)
    sums = np.stack([np.bincount(code, weight * row, count) for row in values.astype(np.float64)])
    parts = [sums.sum(1)[None] / mass.sum()]
    for times in _times(count, resamples, seed):
        total = times @ mass
        parts.append((times @ sums.T) / np.where(total > 0, total, np.nan)[:, None])
    return np.concatenate(parts)


def _times(count: int, resamples: int, seed: int) -> Iterable[np.ndarray]:
    """How often each of `count` clusters is in a bootstrap sample, [r, count] at a time, R in all."""
    few = count * resamples <= KEPT
    return _kept_times(count, resamples, seed) if few else _drawn_times(count, resamples, seed)


@lru_cache(maxsize=2)
def _kept_times(count: int, resamples: int, seed: int) -> list[np.ndarray]:
    """Drawing takes ten times as long as what is done with it, and all figures of a run draw the same."""
    return list(_drawn_times(count, resamples, seed))


def _drawn_times(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    chunk = max(1, min(resamples, CHUNK // count))
    for first in range(0, resamples, chunk):
        size = min(chunk, resamples - first)
        yield rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)


def seeds_resampled(
    values: np.ndarray, weight: np.ndarray, clusters: np.ndarray, resamples: int, name: str
) -> np.ndarray:
    """[1 + R] means of [S, N] values over seeds and pairs: the sample's own, then bootstrap samples'.

    Samples draw SKUs, the same for all policies, and seeds, each policy its own by its name: two
    trainings of one seed share nothing that would pair them. A single seed stays as it is.
    """
    drawn = resampled(values, weight, clusters, resamples, 0)
    count = len(values)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    times = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    return (drawn * np.concatenate([np.ones((1, count)), times])).mean(axis=1)
