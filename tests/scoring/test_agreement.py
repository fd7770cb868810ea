"""One policy, one panel: what DS minimises, minus what RL earns, and what is reported are one number."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from builders import make_experiment, make_panel

from invrl.algorithms import ds, experience
from invrl.demand.panel import Panel
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import rules

WORDS = (
    "split.history_days=5", "split.warmup_days=7", "split.validation_days=10", "split.test_days=10",
    "network.hidden=[8]", "features.groups=['recent','supply']",
)  # fmt: skip
ANY = experience.Bounds(-np.inf, np.inf)
OBJECTIVES = {
    "service": ("objective.kind=service",),
    "cost": ("objective.kind=cost",),
    "cost of a backlog": ("objective.kind=cost", "objective.per=unit", "supply.unmet=backlog"),
}


def mixed_panel() -> Panel:
    """Lead times that differ by pair and by day, three review periods, every phase."""
    rng = np.random.default_rng(8)
    days, pairs = 60, 45
    period = np.repeat([1, 2, 7], pairs // 3)
    demand = rng.lognormal(1.0, 0.7, pairs) * rng.gamma(2.0, 0.5, (days, pairs))  # never exactly all sold
    return make_panel(
        demand,
        review_period=period,
        first_review=rng.integers(0, 2 * period),
        lead_time=rng.integers(0, 3 + period, (days, pairs)),
    )


def exact_costs(test: Experiment, params: dict) -> np.ndarray:
    """[N'] what DS minimises, with the exact stockout indicator."""

    def block(params, episode):
        return ds.episode_cost(
            params, test.policy, episode, prices(test.config.objective), test.config, False
        )

    run = jax.jit(partial(placement.map_blocks, block), static_argnums=2)
    return test.train.gather([run(params, group.episode, group.devices) for group in test.train.groups])[0]


def returns(test: Experiment, params: dict) -> tuple[np.ndarray, np.ndarray]:
    """[N'] the sum of a pair's rewards, and [N'] its measured days."""
    policy, config = test.policy, test.config

    def block(params, episode):
        explore = experience.Explore(policy, lambda view, noise: policy.aim(params, view), ANY)
        seen = experience.run(explore, episode, jax.random.key(0), prices(config.objective), config)
        return seen.reward.sum(0), episode.measured.sum((0, 1))

    run = jax.jit(partial(placement.map_blocks, block), static_argnums=2)
    results = [run(params, group.episode, group.devices) for group in test.train.groups]
    total, days = test.train.gather(results)
    return total, days


@pytest.mark.parametrize("words", OBJECTIVES.values(), ids=OBJECTIVES)
def test_ds_and_rl_and_evaluation_agree(words: tuple[str, ...]) -> None:
    test = make_experiment(mixed_panel(), *WORDS, *words)
    assert sorted(group.episode.review_period for group in test.train.groups) == [1, 2, 7]
    params = test.policy.init(jax.random.key(5))
    simulate = rules.make_simulate(rules.learned(test.policy), test.config)
    reported = simulate(params, test.train)["objective"]
    total, days = returns(test, params)
    assert reported.min() >= 0 and np.unique(reported.round(3)).size > 40  # pairs differ
    np.testing.assert_allclose(exact_costs(test, params), reported, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(-total / days, reported, rtol=1e-4, atol=1e-4)


def test_exploring_changes_orders_and_rewards_but_not_the_policy_s_own() -> None:
    """The noise of an exploring rollout reaches the simulator: the check above is not blind."""
    test = make_experiment(mixed_panel(), *WORDS)
    policy, params = test.policy, test.policy.init(jax.random.key(5))
    episode = jax.tree.map(lambda x: x[0], test.train.groups[0].episode)

    def run(deviation: float) -> experience.Trajectory:
        aim = lambda view, noise: policy.aim(params, view) + deviation * noise
        explore = experience.Explore(policy, aim, ANY)
        price = prices(test.config.objective)
        return jax.jit(lambda e: experience.run(explore, e, jax.random.key(0), price, test.config))(episode)

    still, moved = run(0.0), run(0.5)
    np.testing.assert_array_equal(still.noise, moved.noise)
    assert np.abs(moved.reward - still.reward).max() > 0.1
    np.testing.assert_allclose(moved.aim[0] - still.aim[0], 0.5 * moved.noise[0], rtol=1e-3, atol=1e-5)
