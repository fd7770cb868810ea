"""Policy regularisation: the four forms of the network's output (Xie et al. 2026, section 3).

A head turns the raw output [A, N] into orders [N]. All four read the raw output in the
same unit, so that 1 is a sensible start everywhere: a share of the mean demand of the
review period (orders) or of the protection interval lead time + review period (levels).
DDPG's noise and PPO's Gaussian live in this raw space.

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
    order: Callable[[Array, Observation], Array]
    """(raw [A, N], observation) -> order [N], units."""


def floor_at_zero(order: Array) -> Array:
    """max(order, 0), with the slope `LEAK` below zero in the backward pass only."""
    below = jnp.minimum(order, 0.0)
    return jnp.maximum(order, 0.0) + LEAK * (below - lax.stop_gradient(below))


def weighted_demand(raw: Array, seen: Observation) -> Array:
    """Demand per day [N]: four coefficients times the regressors, plus a constant."""
    return (raw[:4] * seen.regressors).sum(0) + raw[4] * seen.level


def none(raw: Array, seen: Observation) -> Array:
    """NONE: the network puts out the order itself."""
    return floor_at_zero(raw[0] * seen.level * seen.review_period)


def base(raw: Array, seen: Observation) -> Array:
    """BASE: the network puts out a base-stock level."""
    return floor_at_zero(raw[0] * seen.level * seen.protection - seen.position)


def coeff(raw: Array, seen: Observation) -> Array:
    """COEFF: the network puts out coefficients of the demand regressors."""
    return floor_at_zero(weighted_demand(raw, seen) * seen.review_period)


def both(raw: Array, seen: Observation) -> Array:
    """BOTH: coefficients of the demand regressors make a base-stock level."""
    return floor_at_zero(weighted_demand(raw, seen) * seen.protection - seen.position)


EVEN = (0.25, 0.25, 0.25, 0.25, 0.0)

NONE = Head((1.0,), none)
BASE = Head((1.0,), base)
COEFF = Head(EVEN, coeff)
BOTH = Head(EVEN, both)
