"""What will be left, and lost, before an order of today arrives: expectations over random demand.

With lost sales the inventory position misleads: demand that finds nothing takes nothing from it.
The projected inventory level (van Jaarsveld and Arts, doi 10.1287/opre.2021.0032) counts the stock
that is expected on the day the order arrives,

    projected stock = position - mean demand of the lead time + sales expected to be lost until then,

so ordering up to a level of it is ordering up to a base-stock level with the expected lost sales on
top of the position. Under backlog nothing is lost, and the two are the same.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from invrl.simulator import Observation

ROUGHNESS = 1e-2
"""Least standard deviation of a day's demand, in means: certain demand would make kinks."""


def position(seen: Observation) -> Array:
    """[N] units on hand and due (less backlog): what a base-stock level is compared with."""
    return seen.position


def projected_position(seen: Observation) -> Array:
    """[N] units: the position and the sales expected to be lost before the order arrives."""
    return with_expected_lost(seen, seen.demand_rate)


def with_expected_lost(seen: Observation, demand: Array) -> Array:
    """[N] units: the position and the sales expected to be lost, for a mean demand a day [N]."""
    if seen.unmet == "backlog":
        return seen.position
    return seen.position + expected_lost(seen, demand)


def expected_lost(seen: Observation, demand: Array) -> Array:
    """[N] units of the demand until the order arrives that will find nothing, on average.

    Day by day over each pair's own lead time; demand of a day has the mean `demand` [N] and the
    pair's standard deviation, apart from that days are independent.
    """
    on_hand, *due = seen.inventory
    deviation = jnp.maximum(seen.spread, ROUGHNESS * demand)
    variance, lost = jnp.zeros_like(on_hand), jnp.zeros_like(on_hand)
    for day, arriving in enumerate(due):
        left, variance = leftover(on_hand, variance, demand, deviation)
        lost += jnp.where(day < seen.lead_time, demand - on_hand + left, 0.0)
        on_hand = left + arriving
    return lost


def leftover(on_hand: Array, variance: Array, demand: Array, deviation: Array) -> tuple[Array, Array]:
    """Mean and variance of max(stock - demand, 0), both normal; all [N].

    Never more is left than there was: a normal demand of wide spread would be negative at times.
    """
    net, variance = on_hand - demand, variance + deviation**2
    sd = jnp.sqrt(jnp.maximum(variance, 1e-12))
    z = net / sd
    below = 0.5 * (1.0 + lax.erf(z * 0.5**0.5))  # the normal distribution function
    tail = sd * jnp.exp(-0.5 * z * z) * (2 * jnp.pi) ** -0.5
    left = net * below + tail
    square = (net**2 + variance) * below + net * tail
    return jnp.minimum(left, on_hand), jnp.maximum(square - left**2, 0.0)
