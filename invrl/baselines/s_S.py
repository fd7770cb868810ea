"""(s, S): order up to S once the inventory position is at or below s (Scarf 1960)."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Z_AXIS, Baseline, level
from invrl.simulator import Observation


def order(numbers: Array, demand: Array, seen: Observation) -> Array:
    """s as the incumbent's level; S = s + q review periods of demand."""
    z, q = numbers
    reorder_point = level(z, demand, seen)
    target = reorder_point + q * demand * seen.review_period
    return jnp.where(seen.position <= reorder_point, target - seen.position, 0.0)


S_S = Baseline((Z_AXIS, (0.0, 3.0, 7)), order, has_safety_factor=True)
