"""Exponential smoothing and quantiles of past demand against slow loops, one pair and one day at a time."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from invrl.demand import quantiles
from invrl.demand.quantiles import CREDIBLE, Z_NODES, interval_quantiles
from invrl.demand.smoothing import VARIANTS, smoothed

RNG = np.random.default_rng(0)
SPREAD = np.array([1.5, 3.0, 0.5], np.float32)
DEMAND = (RNG.poisson(3, (90, 3)) * (RNG.random((90, 3)) < [0.4, 0.1, 1.0])).astype(np.float32)
REVIEW = np.array([[0, 1, 2], [5, 9, 5], [40, 50, 60], [90, 90, 90]])


def expected(method: str, constant: float, demand: np.ndarray, spread: float) -> float:
    """The textbook recursions over the days of one pair."""
    share = 1 / (1 + spread**2)
    level, size, interval, probability, since = 1.0, 1 / share, 1 / share, share, 0
    for today in demand:
        level += constant * (today - level)
        probability += constant / 2 * ((today > 0) - probability)
        if today > 0:
            size += constant * (today - size)
            interval += constant * (since - interval) if since else 0.0
            since = 1
        elif since:
            since += 1
    found = {"ses": level, "croston": size / interval, "tsb": size * probability}
    return (1 - constant / 2) * found["croston"] if method == "sba" else found[method]


@pytest.mark.parametrize("k", range(len(VARIANTS)), ids=[f"{name}-{a}" for name, a in VARIANTS])
def test_smoothing_by_the_textbook(k: int) -> None:
    found = np.asarray(smoothed(*(jnp.asarray(x) for x in (DEMAND, SPREAD, REVIEW)))[:, k])
    slow = [[expected(*VARIANTS[k], DEMAND[:t, i], SPREAD[i]) for i, t in enumerate(row)] for row in REVIEW]
    np.testing.assert_allclose(found, slow, rtol=1e-4)


def test_croston_forgets_nothing_where_nothing_sells_and_tsb_does() -> None:
    """An item that is out of season: Croston keeps its last rate, TSB lets it fade."""
    demand = np.zeros((200, 1), np.float32)
    demand[:100:4] = 2
    rows = smoothed(jnp.asarray(demand), jnp.ones(1), jnp.asarray([[100], [200]]))
    of = dict(zip(VARIANTS, np.asarray(rows)[..., 0].T, strict=True))
    assert of["croston", 0.1][0] == of["croston", 0.1][1]
    assert of["tsb", 0.1][1] < 0.02 * of["tsb", 0.1][0]


LENGTH = np.array([3, 7, 1])


@pytest.mark.parametrize("windows", [364, 20])
def test_quantiles_of_past_intervals(windows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "WINDOWS", windows)
    protection = np.broadcast_to(LENGTH + 1.0, REVIEW.shape)  # a day longer than usual
    found = interval_quantiles(*(jnp.asarray(x) for x in (DEMAND, SPREAD, REVIEW, LENGTH, protection)))
    for z, row in zip(Z_NODES, np.moveaxis(np.asarray(found), 1, 0), strict=True):
        slow = [[_quantile(z, i, t, windows) for i, t in enumerate(days)] for days in REVIEW]
        np.testing.assert_allclose(row, slow, rtol=1e-4, atol=1e-4)


def _quantile(z: float, pair: int, today: int, windows: int) -> float:
    days = LENGTH[pair]
    ends = range(max(days, today - windows + 1), today + 1)
    sums = np.sort([DEMAND[end - days : end, pair].sum() for end in ends])
    own = np.interp(norm.cdf(z) * (len(sums) + 1) - 1, range(len(sums)), sums) if len(sums) else 0.0
    normal = max(days + 1 + z * SPREAD[pair] * np.sqrt(days + 1), 0)
    trust = len(sums) / days / (len(sums) / days + CREDIBLE)
    return float(trust * own * (days + 1) / days + (1 - trust) * normal)
