"""DS: the loss falls, devices agree, and the objective it trains is the one that is reported."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_experiment, make_panel, one_device, poisson_panel

from invrl.algorithms import ds
from invrl.algorithms.contract import Problem, compiled
from invrl.algorithms.optimizer import adam, cosine
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import rules
from invrl.training import trainer

WORDS = (
    "split.history_days=7", "split.warmup_days=7", "split.validation_days=10", "split.test_days=10",
    "network.hidden=[8]", "train.patience=0", "supply.lead_time=1-2",
    "features.groups=['recent']",
)  # fmt: skip


def gamma_experiment(*words: str, pairs: int = 80) -> Experiment:
    """Demand that is never a whole number: no day ends with exactly nothing by chance."""
    rng = np.random.default_rng(0)
    mean = rng.lognormal(1.0, 0.7, pairs)
    return make_experiment(make_panel(mean * rng.gamma(2.0, 0.5, (50, pairs))), *WORDS, *words)


@cache
def shared() -> Experiment:
    return gamma_experiment()


def test_the_loss_falls() -> None:
    experiment = make_experiment(
        poisson_panel(60, 24), *WORDS, "train.updates=60", "train.evaluate_every=10", "ds.learning_rate=3e-3"
    )
    log: list[dict[str, float]] = []
    loop = trainer.train(experiment, trainer.start(experiment), lambda loop, metrics: log.append(metrics))
    assert log[-1]["loss"] < 0.9 * log[0]["loss"]
    assert (
        float(loop.best_score)
        == min(row["validation_objective"] for row in log)
        < log[0]["validation_objective"]
    )
    assert [row["update"] for row in log] == [10, 20, 30, 40, 50, 60]
    rate = [row["learning_rate"] for row in log]
    assert rate == sorted(rate, reverse=True) and 3e-4 <= rate[-1] < rate[0] <= 3e-3


def gradient(experiment: Experiment, params: Any, soft: bool = True) -> Any:
    """Sums over all pairs of the training part: (cost, weight, gradient)."""
    price = prices(experiment.config.objective)

    def of_block(shared: Any, episode: Any) -> Any:
        def cost(params: Any) -> Any:
            each = ds.episode_cost(params, experiment.policy, episode, price, experiment.config, soft)
            return (each * episode.weight).sum(), episode.weight.sum()

        (total, weight), grads = jax.value_and_grad(cost, has_aux=True)(shared)
        return total, weight, grads

    (group,) = experiment.train.groups
    every = jnp.arange(group.index.shape[0] // group.devices)
    summed = jax.jit(lambda p, e: placement.sum_blocks(of_block, p, e, group.devices, every))
    return jax.device_get(summed(params, group.episode))


def test_one_and_two_devices_give_the_same_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    two = shared()
    assert two.train.groups[0].devices == 2
    params = jax.device_get(two.policy.init(jax.random.key(3)))
    on_two = gradient(two, params)
    one_device(monkeypatch)
    one = gamma_experiment()
    assert one.train.groups[0].devices == 1
    on_one = gradient(one, params)
    for a, b in zip(jax.tree.leaves(on_one), jax.tree.leaves(on_two), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)
    assert on_one[1] == pytest.approx(80)  # the weights of all pairs; padding has none


def costs(experiment: Experiment, params: Any, soft: bool, width: Any = None) -> np.ndarray:
    """[N'] objective of each pair as DS computes it."""
    price = prices(experiment.config.objective)
    price = price if width is None else price._replace(width=width)
    of_block = lambda shared, episode: ds.episode_cost(
        shared[0], experiment.policy, episode, shared[1], experiment.config, soft
    )  # fmt: skip
    run = jax.jit(partial(placement.map_blocks, of_block), static_argnums=2)
    results = [run((params, price), group.episode, group.devices) for group in experiment.train.groups]
    return experiment.train.gather(results)[0]


@pytest.mark.parametrize(
    "words",
    [(), ("objective.kind=cost", "objective.per=unit", "supply.unmet=backlog")],
    ids=["service", "cost of a backlog"],
)
def test_the_exact_objective_is_the_reported_one(words: tuple[str, ...]) -> None:
    experiment = gamma_experiment(*words) if words else shared()
    params = experiment.policy.init(jax.random.key(5))
    simulate = rules.make_simulate(rules.learned(experiment.policy), experiment.config)
    reported = simulate(params, experiment.train)["objective"]
    np.testing.assert_allclose(costs(experiment, params, soft=False), reported, rtol=1e-4, atol=1e-5)


def test_the_smooth_objective_becomes_exact_as_its_width_shrinks() -> None:
    params = shared().policy.init(jax.random.key(5))
    exact = costs(shared(), params, soft=False)
    gap = [
        float(np.abs(costs(shared(), params, True, np.float32(w)) - exact).mean()) for w in (1.0, 0.1, 1e-4)
    ]
    assert gap[0] > gap[1] > gap[2]
    assert gap[2] < 0.01 * exact.mean()


def test_large_and_small_groups_count_by_their_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over an epoch, the mean loss of the batches is the loss of all pairs: no group is seen too often."""
    monkeypatch.setitem(placement.BLOCK, "cpu", 40)
    rng = np.random.default_rng(4)
    # 320 pairs in 8 blocks, and 80 that sell tenfold in 2: a batch of 100 holds one block a device of each
    demand = rng.exponential(np.repeat([1.0, 10.0], [320, 80]), (40, 400))
    experiment = make_experiment(
        make_panel(demand, review_period=np.repeat([1, 2], [320, 80])), *WORDS, "ds.batch_pairs=100",
        "objective.kind=cost", "objective.per=unit", "train.evaluate_every=4", "train.updates=4",
    )  # fmt: skip
    update = compiled(ds.DS, experiment.problem)
    state = ds.DS.init(experiment.problem, ds.DS.hyper(experiment.config), jax.random.key(0))
    still = ds.DS.hyper(experiment.config)._replace(learning_rate=0.0, final_learning_rate=0.0)
    price = prices(experiment.config.objective)
    _, metrics = update(placement.replicate(state, 2), still, price)
    everyone = costs(experiment, state.params, soft=True)
    assert everyone[320:].mean() > 5 * everyone[:320].mean()
    assert float(metrics["loss"]) == pytest.approx(everyone.mean(), rel=1e-3)


def test_numbers_are_traced_so_that_runs_may_be_mapped_over_them() -> None:
    """One compiled chunk serves every learning rate and every price."""
    experiment = shared()
    problem = Problem(experiment.config, experiment.policy, experiment.train)
    update = compiled(ds.DS, problem)
    hyper, price = ds.DS.hyper(experiment.config), prices(experiment.config.objective)
    state = placement.replicate(ds.DS.init(problem, hyper, jax.random.key(0)), 2)
    still, _ = update(state, hyper._replace(learning_rate=0.0, final_learning_rate=0.0), price)
    moved, _ = update(state, hyper, price)
    same = [
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(still.params), jax.tree.leaves(state.params), strict=True)
    ]
    other = [
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(moved.params), jax.tree.leaves(state.params), strict=True)
    ]
    assert all(same) and not any(other)


# ---- the optimizer ------------------------------------------------------------------------


def test_adam_by_hand() -> None:
    # the first step is the learning rate against the sign, whatever the size; 3-4-5 is clipped to norm 1
    step = adam(0.1, 1.0)
    grads = jnp.array([3.0, -4.0])
    moves, state = step.update(grads, step.init(grads))
    np.testing.assert_allclose(moves, [-0.1, 0.1], rtol=1e-4)
    np.testing.assert_allclose(state[1].mu, 0.1 * np.array([0.6, -0.8]), rtol=1e-5)


def test_cosine_by_hand() -> None:
    found = [float(cosine(3.0, 1.0, jnp.float32(p))) for p in (0.0, 0.5, 1.0, 2.0)]
    assert found == pytest.approx([3, 2, 1, 1])
