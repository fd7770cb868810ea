"""The clairvoyant: orders with hindsight. How much room is left for any policy.

It knows demand until the next order arrives. It follows the stock day by day to the arrival of
this order (demand lost on the way takes nothing from it) and orders what is then missing for the
days that only this order can serve: no demand it could serve is lost, and nothing is held longer
than the review period forces. With unit costs it is optimal when holding for a review period
costs less than a lost unit, h * (P - 1) <= b; under `service` it is the least stock that never
runs out.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Baseline, Numbers
from invrl.simulator import Episode, Observation

CRUMB = 0.01
"""Days of mean demand kept above zero, as a day that ends with exactly nothing is a stockout."""


def with_hindsight(episode: Episode, unmet: str) -> Episode:
    """The episode with the future in place of its features.

    features[c] becomes [L + 2, N], units: the demand of each of the L days from review c on, the
    demand of the days t + L .. t + L + P - 1 that its order serves, and the least stock that a day
    can end with (0, or no limit under backlog).
    """
    cycles, period, pairs = episode.demand.shape
    slots = episode.initial.shape[0]
    days = jnp.concatenate([episode.demand.reshape(-1, pairs), jnp.zeros((slots + period, pairs))])
    sums = jnp.concatenate([jnp.zeros((1, pairs)), days.cumsum(0)])
    review = period * jnp.arange(cycles)
    coming = days[review[:, None] + jnp.arange(slots - 1)]
    arrival = review[:, None] + episode.lead_time.astype(jnp.int32)
    served = jnp.take_along_axis(sums, arrival + period, 0) - jnp.take_along_axis(sums, arrival, 0)
    least = jnp.full_like(served, 0.0 if unmet == "lost" else -jnp.inf)
    return episode.replace(features=jnp.concatenate([coming, served[:, None], least[:, None]], 1))


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """What will be missing on the days that this order serves, and a crumb."""
    *coming, served, least = seen.features
    stock = seen.inventory[0]
    for k, day in enumerate(coming):
        evening = jnp.maximum(stock - day, least)
        stock = jnp.where(k < seen.lead_time, evening, stock) + seen.inventory[k + 1]
    return jnp.maximum(served + CRUMB * seen.scale - stock, 0.0)


CLAIRVOYANT = Baseline((), order, prepare=with_hindsight)
