"""A shuffle without sorting: a permutation, another for every key, and nothing left of the old order."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from invrl.algorithms.shuffle import shuffled


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 17, 1000, 4097, 65_536])
def test_every_number_comes_once(n: int) -> None:
    order = np.asarray(shuffled(jax.random.key(n), n))
    assert (np.sort(order) == np.arange(n)).all()


def test_no_place_prefers_a_number() -> None:
    """Where each of 10 numbers goes, over 4,000 keys: chi-square of a 10 x 10 table, 81 degrees."""
    orders = np.asarray(jax.vmap(lambda key: shuffled(key, 10))(jax.random.split(jax.random.key(0), 4000)))
    counts = np.stack([(orders == k).sum(0) for k in range(10)])
    assert ((counts - 400.0) ** 2 / 400.0).sum() < 130


def test_neighbours_are_torn_apart() -> None:
    order = np.asarray(shuffled(jax.random.key(3), 40_000)).astype(float)
    assert abs(np.corrcoef(order, np.arange(40_000))[0, 1]) < 0.02
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.02
    halves = [half.mean() / 20_000 for half in np.split(order, 8)]
    assert np.abs(np.array(halves) - 1).max() < 0.04
