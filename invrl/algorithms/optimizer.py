"""The optimizer that every algorithm uses: Adam on clipped gradients, its numbers traced."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array


def adam(learning_rate: Array | float, clip_norm: Array | float) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015) behind a clip of the global gradient norm.

    Both numbers may be tracers: the state does not depend on them, so the transformation can
    be rebuilt in every step with that step's learning rate.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip_norm),
        optax.scale_by_adam(),
        optax.scale_by_learning_rate(learning_rate),
    )


def cosine(start: Array | float, end: Array | float, progress: Array) -> Array:
    """From `start` to `end` as progress goes from 0 to 1."""
    share = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))
    return end + (start - end) * share


def follow(target: Any, online: Any, tau: Array | float) -> Any:
    """theta' <- tau theta + (1 - tau) theta' (Polyak averaging)."""
    return jax.tree.map(lambda old, new: old + tau * (new - old), target, online)
