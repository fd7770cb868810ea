"""Orders at random without sorting: a keyed permutation worked out number by number.

A sort is what `jax.random.permutation` costs, and PPO shuffles all its transitions in every epoch: more
time than its networks took. Here each number is enciphered instead, by a Feistel network over the
numbers below rows x columns (Black and Rogaway 2002): it adds to one coordinate a keyed hash of
the other, in turn, which can be undone and hence maps no two numbers to one.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

ROUNDS = 12
"""Half of them leave no trace of the old order in tests of ours; the others cost next to nothing."""


def shuffled(key: Array, n: int) -> Array:
    """[n] the numbers 0 to n - 1 in a random order.

    Numbers enciphered to n or beyond (fewer than sqrt(n) + 1 of them may be) are enciphered again until
    they are below, which keeps it a permutation.
    """
    columns = math.isqrt(max(n - 1, 0)) + 1
    rows = -(-n // columns)
    keys = jax.random.bits(key, (ROUNDS,))
    start = jnp.arange(n, dtype=jnp.uint32)

    def again(x: Array) -> Array:
        return jnp.where(x >= n, _enciphered(x, keys, rows, columns), x)

    first = _enciphered(start, keys, rows, columns)
    return lax.while_loop(lambda x: (x >= n).any(), again, first).astype(jnp.int32)


def _enciphered(x: Array, keys: Array, rows: int, columns: int) -> Array:
    """A permutation of the numbers below rows * columns, both at most 2^16."""
    row, column = x // columns, x % columns
    for turn in range(ROUNDS):
        if turn % 2:
            column = _moved(column, _hash(row ^ keys[turn]), columns)
        else:
            row = _moved(row, _hash(column ^ keys[turn]), rows)
    return row * columns + column


def _moved(x: Array, hashed: Array, size: int) -> Array:
    """(x + a share of `size`) modulo `size`; of the hash, 16 bits say which."""
    moved = x + ((hashed >> 16) * jnp.uint32(size) >> 16)
    return jnp.where(moved >= size, moved - size, moved)


def _hash(x: Array) -> Array:
    """32 well mixed bits (the finaliser of MurmurHash3)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
