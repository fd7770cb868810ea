"""Sums of the days before each day: what means over any days are read off."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def cumulative(x: Array) -> Array:
    """[T+1, ...] sums of the days before each day."""
    return jnp.concatenate([jnp.zeros_like(x[:1]), jnp.cumsum(x, 0)])
