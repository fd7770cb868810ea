"""The clairvoyant: orders with hindsight. How much room is left for any policy.

It knows demand until the next order arrives and orders just that, so no demand it could
serve is lost and nothing is held longer than the review period forces. With unit costs it
is optimal when holding for a review period costs less than a lost unit, h * (P - 1) <= b, and
the stock at the start lasts until the first arrival (else it also orders what is lost before);
under `service` it is the least stock that never runs out.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Baseline
from invrl.simulator import Episode, Observation

CRUMB = 0.01
"""Days of mean demand kept above zero, as a day that ends with exactly nothing is a stockout."""


def with_hindsight(episode: Episode) -> Episode:
    """The episode with its first regressor replaced by the demand that will come.

    regressors[c, 0] becomes the mean daily demand over [t, t + L + P) of review c.
    """
    cycles, period, pairs = episode.demand.shape
    sums = jnp.concatenate([jnp.zeros((1, pairs)), episode.demand.reshape(-1, pairs).cumsum(0)])
    review = period * jnp.arange(cycles)[:, None]
    cover = episode.lead_time.astype(jnp.int32) + period
    until = jnp.minimum(review + cover, cycles * period)
    coming = jnp.take_along_axis(sums, until, axis=0) - sums[review[:, 0]]
    return episode.replace(regressors=episode.regressors.at[:, 0].set(coming / cover))


def order(numbers: Array, demand: Array, seen: Observation) -> Array:
    """Up to the demand that will come before the next order arrives, and a crumb."""
    target = seen.regressors[0] * seen.protection + CRUMB * seen.scale
    return jnp.maximum(target - seen.position, 0.0)


CLAIRVOYANT = Baseline((), order, prepare=with_hindsight)
