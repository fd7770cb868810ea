"""Capped base-stock: order = min(S - position, r) (Xin 2021), near-optimal with lost sales."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Z_AXIS, Baseline, Numbers, level
from invrl.simulator import Observation


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """The incumbent's order, at most c review periods of expected demand."""
    z, c, distribution = numbers
    cap = c * demand * seen.review_period
    return jnp.clip(level(z, distribution, demand, seen) - seen.position, 0.0, cap)


CAPPED_BASE_STOCK = Baseline((Z_AXIS, (0.8, 3.0, 12)), order, has_safety_factor=True)
