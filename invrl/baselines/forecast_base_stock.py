"""The incumbent: a forecast, then a base-stock level at a service level."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Z_AXIS, Baseline, Numbers, base_stock
from invrl.simulator import Observation


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """max(forecast * (L + P) + z * sd * sqrt(L + P) - inventory position, 0)."""
    return jnp.maximum(base_stock(numbers, demand, seen) - seen.position, 0.0)


INCUMBENT = Baseline((Z_AXIS,), order, has_safety_factor=True, level=base_stock)
