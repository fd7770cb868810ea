"""Order-up-to levels: a quantile of the demand over the protection interval, by four distributions.

The safety factor z says which quantile, for all of them: that of a normal distribution at z deviations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.demand.quantiles import Z_NODES
from invrl.simulator import Observation


def normal(z: Array, demand: Array, seen: Observation) -> Array:
    """[N] the mean and z standard deviations; days are taken as independent."""
    return demand * seen.protection + z * _deviation(seen)


def negbin(z: Array, demand: Array, seen: Observation) -> Array:
    """[N] quantile of the negative binomial distribution of that mean and the pair's variance."""
    return _counted(z, demand * seen.protection, _deviation(seen) ** 2, seen)


def poisson(z: Array, demand: Array, seen: Observation) -> Array:
    """[N] quantile of the Poisson distribution of that mean."""
    return _counted(z, demand * seen.protection, jnp.zeros_like(demand), seen)


def empirical(z: Array, demand: Array, seen: Observation) -> Array:
    """[N] quantile of the pair's own past demand over as many days; the forecast does not enter."""
    rows = seen.features[-len(Z_NODES) :]
    level = rows[0] + _beyond(z, Z_NODES[0], Z_NODES[-1]) * _deviation(seen)
    for k, (low, high) in enumerate(pairwise(Z_NODES)):
        level += jnp.clip((z - low) / (high - low), 0.0, 1.0) * (rows[k + 1] - rows[k])
    return level


DISTRIBUTIONS: dict[str, Callable[[Array, Array, Observation], Array]] = {
    "normal": normal, "negbin": negbin, "poisson": poisson, "empirical": empirical,
}  # fmt: skip
"""What a level may be a quantile of; (safety factor, expected daily demand [N], observation) -> [N] units."""


def _deviation(seen: Observation) -> Array:
    return seen.spread * jnp.sqrt(seen.protection)


def _beyond(z: Array, low: float, high: float) -> Array:
    """Safety factor beyond the range of a table: there a level moves as the normal one does."""
    return jnp.minimum(z - low, 0.0) + jnp.maximum(z - high, 0.0)


MEANS = (-3.0, 5.0, 65)
EXCESS = (-3.0, 3.5, 27)
FACTORS = (-1.5, 4.5, 25)
"""Axes of the table: log10 of the mean, log10 of variance / mean - 1, safety factor."""


@cache
def _table() -> np.ndarray:
    """[means, excess, factors] negative binomial quantiles, as deviations from the mean.

    Between two counts the distribution function is continued smoothly (by the incomplete beta function).
    """
    from scipy.special import nbdtrik, ndtr

    mean, excess, z = np.meshgrid(
        *(np.logspace(*MEANS), np.logspace(*EXCESS), np.linspace(*FACTORS)), indexing="ij"
    )
    quantile = nbdtrik(ndtr(z), mean / excess, 1 / (1 + excess))
    return ((quantile - mean) / np.sqrt(mean * (1 + excess))).astype(np.float32)


def _counted(z: Array, mean: Array, variance: Array, seen: Observation) -> Array:
    """[N] the quantile read off the table; a variance below the mean counts as the mean (Poisson)."""
    mean = jnp.maximum(mean, 10.0 ** MEANS[0])
    excess = jnp.maximum(variance / mean - 1.0, 10.0 ** EXCESS[0])
    at = [jnp.log10(mean), jnp.log10(excess), jnp.broadcast_to(z, mean.shape)]
    axes = (MEANS, EXCESS, FACTORS)
    where = [(x - low) / (high - low) * (steps - 1) for x, (low, high, steps) in zip(at, axes, strict=True)]
    off = jax.scipy.ndimage.map_coordinates(jnp.asarray(_table()), where, order=1, mode="nearest")
    level = jnp.maximum(mean + off * jnp.sqrt(mean * (1.0 + excess)), 0.0)
    return level + _beyond(z, FACTORS[0], FACTORS[1]) * _deviation(seen)
