"""Policy regularisation: the four forms of the network's output (Xie et al. 2026, section 3).

A form decides on an *aim*: demand to provide for, as a share of recent demand, so that 1 is a
sensible start everywhere. Two questions make the four forms:

                                                the aim is ordered   the aim is a level to order up to
    the network puts out the aim                NONE                 BASE
    ... coefficients of demand regressors       COEFF                BOTH

DDPG's noise and PPO's Gaussian live in the aim, one number in every form: noise on coefficients
would explore many ways to say the same order.

To add a form: one function, one `Head`, one line in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from invrl.simulator import Observation

LEAK = 0.1
"""Slope below zero: a policy that stopped ordering must feel which way to start again."""


class Head(NamedTuple):
    start: tuple[float, ...]
    """The raw output of an untrained network; its length is A."""
    terms: Callable[[Observation], Array]
    """observation -> [A, N] what the raw output is multiplied by; the sum is the aim [N]."""
    order: Callable[[Array, Observation], Array]
    """(aim [N], observation) -> order [N], units."""


def aim(raw: Array, terms: Array) -> Array:
    """[N] what raw outputs [A, N] and their terms [A, N] come to."""
    return (raw * terms).sum(0)


def one(seen: Observation) -> Array:
    """[1, N] the network puts out the aim itself."""
    return jnp.ones_like(seen.demand_rate)[None]


def demand_rates(seen: Observation) -> Array:
    """[5, N] the four demand regressors in units of recent demand, and a constant."""
    return jnp.concatenate([seen.regressors / seen.demand_rate[None], one(seen)])


def floor_at_zero(order: Array) -> Array:
    """max(order, 0), with the slope `LEAK` below zero in the backward pass only."""
    below = jnp.minimum(order, 0.0)
    return jnp.maximum(order, 0.0) + LEAK * (below - lax.stop_gradient(below))


def as_order(aim: Array, seen: Observation) -> Array:
    """The aim is demand of the review period: order it."""
    return floor_at_zero(aim * seen.demand_rate * seen.review_period)


def up_to(aim: Array, seen: Observation) -> Array:
    """The aim is demand of the protection interval, a base-stock level: order what is missing of it."""
    return floor_at_zero(aim * seen.demand_rate * seen.protection - seen.position)


EVEN = (0.25, 0.25, 0.25, 0.25, 0.0)

NONE = Head((1.0,), one, as_order)
BASE = Head((1.0,), one, up_to)
COEFF = Head(EVEN, demand_rates, as_order)
BOTH = Head(EVEN, demand_rates, up_to)
