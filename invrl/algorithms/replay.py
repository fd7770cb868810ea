"""A replay buffer on the device: a ring of rows (Lin 1992; Mnih et al. 2015).

A row is one transition. Rows come in rollouts of a fixed size and the capacity is a multiple
of it, so a push is one contiguous copy and the oldest rollout makes room for the newest.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax


@struct.dataclass
class Replay:
    rows: Any  # tree of [capacity, ...]
    at: Array  # [] where the next rollout goes
    filled: Array  # [] rows that hold something

    @property
    def capacity(self) -> int:
        return jax.tree.leaves(self.rows)[0].shape[0]


def whole_rollouts(capacity: int, rollout: int) -> int:
    """The wanted capacity, rounded down to whole rollouts of `rollout` rows; at least one."""
    return max(capacity // rollout, 1) * rollout


def empty(row: Any, capacity: int) -> Replay:
    """A buffer for rows shaped like `row` (tree of arrays or ShapeDtypeStructs without the row axis)."""
    rows = jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), row)
    return Replay(rows, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32))


def push(replay: Replay, rows: Any) -> Replay:
    """Add a rollout (tree of [n, ...]) over the oldest one.

    Raises:
        ValueError: the capacity is no multiple of n.
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    if replay.capacity % n:
        raise ValueError(f"a replay of {replay.capacity} rows takes no rollouts of {n}")
    stored = jax.tree.map(
        lambda old, new: lax.dynamic_update_slice_in_dim(old, new, replay.at, 0), replay.rows, rows
    )
    return Replay(stored, (replay.at + n) % replay.capacity, jnp.minimum(replay.filled + n, replay.capacity))


def sample(replay: Replay, key: Array, size: int) -> Any:
    """`size` rows drawn evenly, with replacement, from what the buffer holds: tree of [size, ...]."""
    chosen = jax.random.randint(key, (size,), 0, replay.filled)
    return jax.tree.map(lambda x: x[chosen], replay.rows)
