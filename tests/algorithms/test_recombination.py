"""Recombined episodes keep every cycle's demands, and mix no pair that looks different."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.algorithms.recombination import recombined, recombiner
from invrl.errors import InvrlError

WORDS = (
    "split.warmup_days=7",
    "split.validation_days=10",
    "split.test_days=10",
    "features.groups=['recent']",
)


def test_every_cycle_keeps_its_demands_and_padding_stays_out() -> None:
    experiment = make_experiment(poisson_panel(60, 5), *WORDS)
    block = jax.tree.map(lambda x: x[0], experiment.train.groups[0].episode)
    real = np.asarray(block.weight) > 0
    new = recombined(jax.random.key(0), block, 3)
    for copy in np.split(np.asarray(new.demand), 3, axis=-1):
        old = np.sort(np.asarray(block.demand)[..., real], axis=-1)
        np.testing.assert_array_equal(np.sort(copy[..., real], axis=-1), old)
        assert not np.array_equal(copy, block.demand)


def test_pairs_that_look_different_are_refused() -> None:
    with pytest.raises(InvrlError, match="the pairs differ"):
        recombiner(make_experiment(poisson_panel(60, 5), *WORDS, "ds.recombine=true").problem)


def test_off_leaves_the_block_alone() -> None:
    problem = make_experiment(poisson_panel(60, 5), *WORDS).problem
    block = problem.train.groups[0].episode
    assert recombiner(problem)(jax.random.key(0), block) is block
