"""Quantiles of a pair's own past demand over its protection interval: sums of as many days in a row."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from invrl.demand.sums import cumulative

Z_NODES = (-1.5, -0.75, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Which quantiles, as safety factors of a normal distribution: 7 % to 99.9 %."""

WINDOWS = 364
"""Past intervals that a quantile is taken of, one ending every evening: a year."""

CREDIBLE = 2.0
"""Protection intervals of demand seen, end to end, that count as much as the normal distribution."""


def interval_quantiles(
    demand: Array, spread: Array, review: Array, length: Array, protection: Array
) -> Array:
    """[C, Q, B] per node of `Z_NODES`: what demand over a protection interval exceeds so rarely.

    In multiples of the scale. A pair with little past is drawn to the normal quantile.

    Args:
        demand: [T, B] in multiples of the scale.
        spread: [B] standard deviation of daily demand, in multiples of the scale.
        review: [C, B] day of each review, at most T: the days before it are known.
        length: [B] whole days of a past interval: the usual protection interval.
        protection: [C, B] days that the order must cover; if not the usual ones, in proportion.
    """
    sums = cumulative(demand)
    share = jnp.asarray(jax.scipy.stats.norm.cdf(np.array(Z_NODES)), demand.dtype)[:, None]

    def morning(ranked: Array, day: Array) -> tuple[Array, Array]:
        gone = _ending(sums, day - WINDOWS, length)
        ranked = _with(_without(ranked, gone), _ending(sums, day, length))
        return ranked, _at_rank(ranked, share, jnp.clip(day - length + 1, 0, len(ranked)))

    nothing = jnp.full((min(WINDOWS, len(sums)), demand.shape[1]), jnp.inf, demand.dtype)
    _, found = lax.scan(morning, nothing, jnp.arange(len(sums)))  # [T + 1, Q, B]
    past = jnp.clip(review - length + 1, 0, WINDOWS) / length
    trust = (past / (past + CREDIBLE))[:, None]
    days = protection[:, None]
    own = jnp.take_along_axis(found, review[:, None], axis=0) * days / length
    z = jnp.array(Z_NODES, demand.dtype)[:, None]
    normal = jnp.maximum(days + z * spread * jnp.sqrt(days), 0.0)
    return trust * own + (1 - trust) * normal


def _ending(sums: Array, day: Array, length: Array) -> Array:
    """[B] demand of the `length` days before the morning of `day`; infinite where the data have fewer."""
    start = day - length
    first = jnp.take_along_axis(sums, jnp.maximum(start, 0)[None], axis=0)[0]
    return jnp.where(start >= 0, sums[jnp.maximum(day, 0)] - first, jnp.inf)


def _with(ranked: Array, value: Array) -> Array:
    """[W, B] ascending, `value` [B] put in its place and the last (infinite) one dropped."""
    before = jnp.concatenate([jnp.full_like(ranked[:1], -jnp.inf), ranked[:-1]])
    return jnp.minimum(jnp.maximum(value, before), ranked)


def _without(ranked: Array, value: Array) -> Array:
    """[W, B] ascending, `value` [B], which is among them, taken out; an infinite one leaves them."""
    after = jnp.concatenate([ranked[1:], jnp.full_like(ranked[:1], jnp.inf)])
    return jnp.where(ranked < value, ranked, after)


def _at_rank(ranked: Array, share: Array, count: Array) -> Array:
    """[Q, B] quantiles `share` [Q, 1] of the first `count` [B] entries; 0 of none."""
    rank = jnp.clip(share * (count + 1) - 1, 0, jnp.maximum(count - 1, 0))
    low = jnp.floor(rank).astype(jnp.int32)
    high = jnp.minimum(low + 1, jnp.maximum(count - 1, 0))
    below, above = (jnp.take_along_axis(ranked, k, axis=0) for k in (low, high))
    return jnp.where(count > 0, below + (rank - low) * (above - below), 0.0)
