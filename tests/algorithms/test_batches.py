"""Which pairs an update sees: every block once an epoch, every pair as often as any other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode, make_experiment, poisson_panel

from invrl.algorithms.batches import Share, chosen_blocks, chosen_pairs, shares
from invrl.demand.episodes import make_dataset
from invrl.devices import placement


def test_an_epoch_visits_every_block_once() -> None:
    share = Share(takes=2, has=6, pairs=10, copies=1)
    chosen = jax.jit(lambda step: chosen_blocks(jax.random.key(0), step, 0, share))
    epochs = [np.concatenate([chosen(3 * epoch + k) for k in range(3)]) for epoch in range(4)]
    for epoch in epochs:
        assert sorted(epoch.tolist()) == [0, 1, 2, 3, 4, 5]
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1


def test_a_part_of_a_block_is_drawn_evenly() -> None:
    episode = make_episode(np.arange(7.0).reshape(1, 1, 7), 0, np.zeros((1, 7)), weight=jnp.arange(7.0))
    share = Share(takes=1, has=1, pairs=3, copies=2)
    drawn = jax.jit(jax.vmap(lambda key: chosen_pairs(key, episode, share).weight))(
        jax.random.split(jax.random.key(0), 700)
    )
    assert drawn.shape == (700, 6)
    np.testing.assert_array_equal(drawn[:, :3], drawn[:, 3:])  # two rollouts of each
    np.testing.assert_array_equal((drawn[:, 1] - drawn[:, 0]) % 7, 1)
    counts = np.bincount(np.asarray(drawn[:, 0], int), minlength=7)
    assert np.abs(counts - 100).max() < 40  # four standard deviations


def test_a_whole_block_is_left_as_it_is() -> None:
    episode = make_episode(np.ones((2, 1, 4)), 0, np.zeros((1, 4)))
    assert chosen_pairs(jax.random.key(0), episode, Share(1, 1, 4, 1)) is episode


def test_groups_share_a_batch_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(placement.BLOCK, "cpu", 40)
    period = np.repeat([1, 2], [320, 80])  # 4 and 1 blocks of 40 on each of two devices
    panel = poisson_panel(30, 400, review_period=period)
    test = make_experiment(
        panel, "split.history_days=0", "split.warmup_days=2", "split.validation_days=5", "split.test_days=5"
    )
    taken = lambda batch: [(s.takes, s.has, s.pairs) for s in shares(test.problem, batch)]
    assert taken(400) == [(4, 4, 40), (1, 1, 40)]
    assert taken(200) == [(2, 4, 40), (1, 1, 20)]
    assert taken(50) == [(1, 4, 20), (1, 1, 5)]


def test_blocks_mix_the_panel_and_miss_nobody() -> None:
    """Neighbours in the panel are warehouses of one SKU: a block has pairs from everywhere."""
    experiment = make_experiment(poisson_panel(40, 150), "split.validation_days=5", "split.test_days=5")
    part = experiment.parts["train"]
    dataset = make_dataset(
        experiment.panel, part, experiment.scale("train"), experiment.normaliser, experiment.config.supply,
        experiment.features, experiment.weight, block=30,
    )  # fmt: skip
    (group,) = dataset.groups
    assert sorted(group.index[group.index >= 0]) == list(range(150))
    for block in group.index:
        assert np.unique(block[block >= 0] // 10).size > 8  # of 15 tens; in the panel's order it would be 3
    (scale,) = dataset.gather([group.episode.scale])
    np.testing.assert_array_equal(scale, experiment.scale("train")[0])
