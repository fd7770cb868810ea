"""(s, S): order up to S once the inventory position is at or below s (Scarf 1960)."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Z_AXIS, Baseline, Numbers, base_stock
from invrl.simulator import Observation


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """s as the incumbent's level; S = s + q review periods of demand."""
    reorder_point = base_stock(numbers, demand, seen)
    missing = up_to(numbers, demand, seen) - seen.position
    return jnp.where(seen.position <= reorder_point, missing, 0.0)


def up_to(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """S."""
    _, q, _ = numbers
    return base_stock(numbers, demand, seen) + q * demand * seen.review_period


S_S = Baseline((Z_AXIS, (0.0, 3.0, 7)), order, has_safety_factor=True, level=up_to)
