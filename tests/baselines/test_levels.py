"""Levels: quantiles of demand over the protection interval, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from builders import floats, observation
from scipy.stats import nbinom, norm, poisson

from invrl.baselines.levels import DISTRIBUTIONS
from invrl.demand.quantiles import Z_NODES

DEMAND = floats([0.01, 0.2, 1.0, 7.3, 40.0, 900.0])
SPREAD = floats([0.1, 0.9, 1.5, 4.0, 31.0, 200.0])
QUANTILES = np.cumsum(np.random.default_rng(0).gamma(1, 1, (len(Z_NODES), 6)), 0)
SEEN = observation(
    6, scale=DEMAND, spread=SPREAD, lead_time=np.full(6, 3.0), review_period=1,
    features=np.concatenate([np.zeros((3, 6)), QUANTILES]),
)  # fmt: skip
"""4 days of protection."""


def level(distribution: str, z: float) -> np.ndarray:
    return np.asarray(DISTRIBUTIONS[distribution](np.float32(z), DEMAND, SEEN))


@pytest.mark.parametrize("z", [-1.0, 0.3, 1.64, 2.9, 4.2])
def test_counts_are_the_quantiles_of_their_distributions(z: float) -> None:
    """Within one unit, or 2 %: between two counts the distribution is continued smoothly."""
    mean, variance = 4.0 * DEMAND, 4.0 * SPREAD**2
    exact = {
        "poisson": poisson.ppf(norm.cdf(z), mean),
        "negbin": nbinom.ppf(norm.cdf(z), mean**2 / (variance - mean), mean / variance),
    }
    overdispersed = variance > mean
    assert overdispersed.sum() >= 4
    for name, quantile in exact.items():
        where = overdispersed if name == "negbin" else np.ones(6, bool)
        off = np.abs(level(name, z) - quantile)
        assert (off <= np.maximum(1.05, 0.02 * quantile))[where].all()


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_level_grows_with_the_safety_factor_without_end(name: str) -> None:
    factors = [-8, -1.5, -1.2, 0, 1, 2.2, 3, 4.5, 10, 16]
    levels = np.stack([level(name, z) for z in factors])
    assert (np.diff(levels, axis=0) >= -1e-3).all()
    assert (levels[-1] > levels[-2]).all()


def test_empirical_levels_pass_through_the_quantiles() -> None:
    for z, quantile in zip(Z_NODES, QUANTILES, strict=True):
        np.testing.assert_allclose(level("empirical", z), quantile, rtol=1e-5)
    np.testing.assert_allclose(level("empirical", 0.25), QUANTILES[2:4].mean(0), rtol=1e-5)
