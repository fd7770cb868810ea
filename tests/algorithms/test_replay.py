"""The ring: the newest rollouts stay, samples come from what is there."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from invrl.algorithms import replay as ring
from invrl.algorithms.replay import Replay


def rollout(*values: float) -> dict[str, jax.Array]:
    numbers = jnp.array(values, jnp.float32)
    return {"reward": numbers, "inputs": jnp.stack([numbers, -numbers], 1)}


def empty(capacity: int) -> Replay:
    return ring.empty({"reward": jnp.zeros(()), "inputs": jnp.zeros(2)}, capacity)


def test_capacity_is_whole_rollouts() -> None:
    assert ring.whole_rollouts(100, 30) == 90
    assert ring.whole_rollouts(10, 30) == 30


def test_the_oldest_rollout_makes_room() -> None:
    replay = empty(6)
    kept = [
        [1, 2, 0, 0, 0, 0], [1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6], [7, 8, 3, 4, 5, 6], [7, 8, 9, 10, 5, 6],
    ]  # fmt: skip
    push = jax.jit(ring.push)
    for k, expected in enumerate(kept):
        replay = push(replay, rollout(2 * k + 1, 2 * k + 2))
        assert replay.rows["reward"].tolist() == expected
        assert int(replay.filled) == min(2 * k + 2, 6)
    np.testing.assert_array_equal(replay.rows["inputs"], np.outer(kept[-1], [1, -1]))
    assert replay.capacity == 6


def test_a_rollout_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="6 rows takes no rollouts of 4"):
        ring.push(empty(6), rollout(1, 2, 3, 4))


def test_samples_come_evenly_from_what_is_there() -> None:
    replay = ring.push(empty(8), rollout(1, 2, 3, 4))
    drawn = ring.sample(replay, jax.random.key(0), 4000)
    values, counts = np.unique(drawn["reward"], return_counts=True)
    assert values.tolist() == [1, 2, 3, 4]
    assert np.abs(counts - 1000).max() < 120  # four standard deviations
    np.testing.assert_array_equal(drawn["inputs"], np.outer(drawn["reward"], [1, -1]))


def test_a_full_ring_is_sampled_all_over() -> None:
    replay = empty(4)
    for values in [(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]:
        replay = ring.push(replay, rollout(*values))
    drawn = ring.sample(replay, jax.random.key(1), 200)
    assert set(np.asarray(drawn["reward"]).tolist()) == {3.0, 4.0, 5.0, 6.0}
