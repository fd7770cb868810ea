"""Going back when training runs away, so that a learning rate too high ends well, only later.

A policy that reacts to its own stock may turn, within a few steps too large, into one that orders nothing
or all it may, where the gradient says little of the way back. So the first steps of Adam, in directions that
it hardly knows, are small; and a chunk of updates whose mean loss is `STEEP` times the lowest is undone: the
parameters go back to those before the best chunk, the learning rate to half.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from invrl.metrics import Prices

WARMUP = 0.05
"""Share of the updates over which the learning rate rises to its value."""
STEEP = 2.0
"""A chunk is undone where its mean loss is more than so many times the lowest."""


class Refuge(struct.PyTreeNode):
    params: Any  # those before the chunk with the lowest mean loss
    lowest: Array  # [] that loss; at first the loss of the very first batch
    prices: Array  # [5] at which it was measured
    caution: Array  # [] share of the learning rate that is left after going back


def start(params: Any) -> Refuge:
    # of a type, as after a chunk, else that is compiled twice; not nan, as hosts compare what they hold
    never = jnp.full((), jnp.inf, jnp.float32)
    return Refuge(params, never, jnp.full(len(Prices._fields), never), jnp.ones(()))


def share(refuge: Refuge, progress: Array) -> Array:
    """[] of the learning rate, at a progress of 0..1."""
    return refuge.caution * jnp.minimum(progress / WARMUP, 1.0)


def go_on(
    refuge: Refuge, prices: Prices, before: Any, after: Any, moments: Any, losses: Array
) -> tuple[Any, Any, Refuge]:
    """(parameters, moments, refuge) after a chunk: as it left them, or back where it began to run away.

    Args:
        prices: of the objective; what was measured at others says nothing.
        before, after: the parameters before and after the chunk.
        losses: [K] of its updates.
    """
    now, loss = jnp.stack(prices), losses.mean()
    anew = (now != refuge.prices).any()
    known = jnp.where(anew, losses[0], refuge.lowest)
    lower = anew | (loss < known)
    safe = _where(lower, before, refuge.params)
    lowest = jnp.where(loss < known, loss, known)
    away = ~(loss <= STEEP * lowest)  # also if it is no number
    params, moments = _where(away, (safe, jax.tree.map(jnp.zeros_like, moments)), (after, moments))
    return params, moments, Refuge(safe, lowest, now, jnp.where(away, refuge.caution / 2, refuge.caution))


def finite_mean(values: Array) -> Array:
    """[] mean over the updates of a chunk [K] in which it is a number; none is no number."""
    return jnp.nanmean(jnp.where(jnp.isfinite(values), values, jnp.nan))


def _where(yes: Array, these: Any, those: Any) -> Any:
    return jax.tree.map(partial(jnp.where, yes), these, those)
