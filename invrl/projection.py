"""What will be left, and lost, before an order of today arrives: expectations over random demand.

With lost sales the inventory position misleads: demand that finds nothing takes nothing from it.
The projected inventory level (van Jaarsveld and Arts, doi 10.1287/opre.2021.0032) counts the stock
that is expected on the day the order arrives,

    projected stock = position - mean demand of the lead time + sales expected to be lost until then,

so ordering up to a level of it is ordering up to a base-stock level with the expected lost sales on
top of the position. Under backlog nothing is lost, and the two are the same.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from invrl.simulator import Observation

ROUGHNESS = 1e-2
"""Least standard deviation of a day's demand, in means: certain demand would make kinks."""


def position(seen: Observation) -> Array:
    """[N] units on hand and due (less backlog): what a base-stock level is compared with."""
    return seen.position


def projected_position(seen: Observation) -> Array:
    """[N] units: the position and the sales expected to be lost before the order arrives.

    Demand until then is as the first own forecast has it, else as recent demand.
    """
    own = seen.forecasts
    return with_expected_lost(seen, seen.demand_rate if own is None else own[0])


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
    deviation = jnp.maximum(seen.spread, ROUGHNESS * demand)

    def day(carry: tuple[Array, ...], given: tuple[Any, Array]) -> tuple[tuple[Array, ...], None]:
        on_hand, variance, lost = carry
        k, arriving = given
        left, variance = leftover(on_hand, demand, variance + deviation**2)
        lost += jnp.where(k < seen.lead_time, demand - on_hand + left, 0.0)
        return (left + arriving, variance, lost), None

    on_hand, due = seen.inventory[0], seen.inventory[1:]
    carry: tuple[Array, ...] = (on_hand, jnp.zeros_like(on_hand), jnp.zeros_like(on_hand))
    if len(due) > UNROLLED:
        return lax.scan(day, carry, (jnp.arange(len(due)), due), unroll=UNROLLED)[0][-1]
    for given in enumerate(due):
        carry, _ = day(carry, given)
    return carry[-1]


LEAST = 1e-30
"""Least variance, units squared: far below any unit of demand, as only a demand of 0 has none."""

UNROLLED = 5
"""Days of lead time worked off in a row: a loop costs time at short lead times, none costs more at long
ones, where the compiler works out early days again for each later one."""


@jax.custom_jvp
def leftover(on_hand: Array, demand: Array, variance: Array) -> tuple[Array, Array]:
    """Mean and variance of max(X, 0), X normal of mean on_hand - demand; all [N].

    Never more is left than there was: a normal demand of wide spread would be negative at times.
    """
    left, after, *_ = _leftover(on_hand, demand, variance)
    return jnp.minimum(left, on_hand), after


def _leftover(on_hand: Array, demand: Array, variance: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and variance of max(X, 0) without that bound, the share of X above 0, the density of X at 0."""
    net, each = on_hand - demand, lax.rsqrt(jnp.maximum(variance, LEAST))
    z = net * each
    above = 0.5 + 0.5 * lax.erf(z * 0.5**0.5)
    density = each * jnp.exp(-0.5 * z * z) * (2 * jnp.pi) ** -0.5
    left = net * above + variance * density
    return left, jnp.maximum(net * left + variance * above - left**2, 0.0), above, density


@leftover.defjvp
def _slopes(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> Any:
    """By hand: the backward pass then keeps three numbers a day, not a dozen."""
    on_hand = primals[0]
    left, after, above, density = _leftover(*primals)
    net, wider = tangents[0] - tangents[1], tangents[2]
    mean = above * net + 0.5 * density * wider
    spread = 2 * left * (1 - above) * net + (above - left * density) * wider
    bound = left > on_hand
    return (jnp.where(bound, on_hand, left), after), (jnp.where(bound, tangents[0], mean), spread)
