"""Projected inventory level: order up to a level of the stock that is expected when the order arrives."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from invrl.baselines.contract import Z_AXIS, Baseline, Numbers, base_stock
from invrl.projection import with_expected_lost
from invrl.simulator import Observation


def counted(demand: Array, seen: Observation) -> Array:
    """The position and the sales expected to be lost first; the position itself under backlog."""
    return with_expected_lost(seen, demand)


def order(numbers: Numbers, demand: Array, seen: Observation) -> Array:
    """The incumbent's order, less the sales that are expected to be lost before it arrives."""
    return jnp.maximum(base_stock(numbers, demand, seen) - counted(demand, seen), 0.0)


PROJECTED_LEVEL = Baseline((Z_AXIS,), order, has_safety_factor=True, level=base_stock, counted=counted)
