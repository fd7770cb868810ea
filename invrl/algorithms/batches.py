"""Which pairs an update rolls out: blocks in a new order every epoch, or a part of one block."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from invrl.algorithms.contract import Problem
from invrl.simulator import Episode


class Share(NamedTuple):
    """A group's part in one update; static."""

    takes: int  # blocks that each device takes
    has: int  # blocks that each device has
    pairs: int  # pairs taken from each block
    copies: int  # rollouts of each pair

    @property
    def rollouts(self) -> int:
        """Rollouts of each device in one update."""
        return self.takes * self.pairs * self.copies


def shares(problem: Problem, batch_pairs: int, copies: int = 1) -> list[Share]:
    """Per group: its part of about `batch_pairs` pairs, in proportion to its size."""
    groups = problem.train.groups
    wanted = batch_pairs / sum(group.index.size for group in groups)
    return [_share(group.index.shape, group.devices, wanted, copies) for group in groups]


def _share(shape: tuple[int, ...], devices: int, part: float, copies: int) -> Share:
    blocks, size = shape
    has = blocks // devices
    takes = min(max(round(part * has), 1), has)
    pairs = min(max(round(part * has * size), 1), size) if takes == 1 else size
    return Share(takes, has, pairs, copies)


def chosen_blocks(key: Array, step: Array, group: int, share: Share) -> Array:
    """[takes] block numbers of this update: every epoch visits each block once, in a new order."""
    per_epoch = share.has // share.takes
    epoch, place = step // per_epoch, step % per_epoch
    key = jax.random.fold_in(jax.random.fold_in(key, group), epoch)
    return lax.dynamic_slice_in_dim(jax.random.permutation(key, share.has), place * share.takes, share.takes)


def chosen_pairs(key: Array, block: Episode, share: Share) -> Episode:
    """The block cut to `share.pairs` neighbouring pairs from a random place, `share.copies` times over."""
    size = block.scale.shape[-1]
    if share.pairs == size and share.copies == 1:
        return block
    first = jax.random.randint(key, (), 0, size)
    pairs = (first + jnp.tile(jnp.arange(share.pairs), share.copies)) % size
    return jax.tree.map(lambda x: jnp.take(x, pairs, axis=-1), block)
