"""DDPG and PPO on problems with known answers, and what both owe the loop that runs them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import probes
import pytest
from builders import floats, make_experiment, observation, poisson_panel

from invrl import registry
from invrl.algorithms import ddpg, experience, ppo
from invrl.algorithms.chunk import Learner
from invrl.algorithms.contract import Problem, compiled
from invrl.algorithms.critics import Critic
from invrl.algorithms.optimizer import adam
from invrl.devices import placement
from invrl.devices.placement import Workers
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.policies.network import View
from invrl.runs import checkpoints
from invrl.scoring import rules
from invrl.simulator import Action, Observation

ALGORITHMS = ("ddpg", "ppo")


# ---- values -------------------------------------------------------------------------------


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_end_of_a_panel_is_not_an_end(algo: str) -> None:
    """-0.9 a day at gamma 0.5, for ever: -0.9 / (1 - 0.5)."""
    _, log = probes.train(probes.constant_reward(algo, terminal=False).problem, algo, 2)
    assert log[-1]["reward_mean"] == pytest.approx(-0.9)
    assert log[-1][probes.VALUE[algo]] == pytest.approx(-1.8, rel=0.03)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_terminal_end_is_one(algo: str) -> None:
    """With k days to go the value is -1.8 (1 - 0.5^k); its mean over k = 1..7 is -1.8 (1 - 127/128/7)."""
    _, log = probes.train(probes.constant_reward(algo, terminal=True).problem, algo, 3)
    assert log[-1][probes.VALUE[algo]] == pytest.approx(-1.8 * (1 - 127 / 128 / 7), rel=0.03)
    if algo == "ddpg":
        assert log[-1]["q_max"] == pytest.approx(-0.9, abs=0.15)  # the last day
        assert log[-1]["bellman_error"] < 0.05


# ---- actions ------------------------------------------------------------------------------


def mean_costs(test: Experiment, simulate: Any, *given: Any) -> np.ndarray:
    """[2] mean cost of the training pairs with lead time 0 and with lead time 3."""
    cost = simulate(*given, test.train)["objective"]
    return cost.reshape(2, -1).mean(1)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_an_action_that_pays_at_once_and_one_that_pays_later(algo: str) -> None:
    test = probes.newsvendor(algo)

    def closed_form(_: Any, own: Any, seen: Observation) -> Action:
        level = jnp.where(seen.lead_time == 0, 8.0, 26.0)  # 90 % quantiles of Poisson(5) and Poisson(20)
        return Action(jnp.maximum(level - seen.position, 0.0), level[None])

    best = mean_costs(test, rules.make_simulate(rules.Rule(closed_form), test.config), None)
    simulate = rules.make_simulate(rules.learned(test.policy), test.config)
    untrained = mean_costs(test, simulate, test.policy.init(jax.random.key(0)))
    state, log = probes.train(test.problem, algo, 3)
    learned = mean_costs(test, simulate, state.params)
    assert (untrained > 1.3 * best).all()
    assert (learned < 1.12 * best).all(), (learned / best, log)  # PPO: 1.03 to 1.10, as the shuffle falls


# ---- what the loop asks of an algorithm ---------------------------------------------------


def small(algo: str, pairs: int, *words: str) -> Experiment:
    return make_experiment(
        poisson_panel(40, pairs), "algo=" + algo, "reg=both", *probes.FAST[algo], "network.hidden=[8]",
        "split.history_days=3", "split.warmup_days=5", "split.validation_days=5", "split.test_days=5",
        "supply.lead_time=0-2", "features.groups=['recent']", "train.evaluate_every=2", "train.updates=4",
        "ddpg.gradient_steps=3", "ddpg.critic_warmup=2", *words,
    )  # fmt: skip


def started(problem: Problem, algo: str, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    algorithm = registry.get("algorithm", algo)
    hyper, update = algorithm.hyper(problem.config), compiled(algorithm, problem)
    state = algorithm.init(problem, hyper, jax.random.key(seed))
    devices = problem.train.groups[0].devices
    return placement.replicate(state, devices), update, hyper, prices(problem.config.objective)


def numbers(tree: Any) -> list[np.ndarray]:
    plain = lambda x: jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x
    return [np.asarray(plain(leaf)) for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_restored_state_goes_on_as_if_nothing_had_happened(algo: str, tmp_path: Path) -> None:
    """On two devices, bit for bit; the replay buffer is part of the state."""
    problem = small(algo, 80).problem
    assert problem.train.groups[0].devices == 2
    state, update, hyper, price = started(problem, algo)
    half, _ = update(state, hyper, price)
    whole, metrics = update(half, hyper, price)
    checkpoints.save(tmp_path / "state.npz", half)
    restored = placement.replicate(checkpoints.load(tmp_path / "state.npz", state), 2)
    again, _ = update(restored, hyper, price)
    for a, b in zip(numbers(whole), numbers(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(math.isfinite(value) for value in jax.device_get(metrics).values())
    assert int(whole.step) == 4


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_chunk_is_traced_once(algo: str) -> None:
    problem = small(algo, 20).problem
    traces = []

    def counted(params: Any, inputs: Any) -> Any:
        traces.append(inputs.shape)
        return problem.policy.net(params, inputs)

    state, update, hyper, price = started(problem._replace(policy=problem.policy._replace(net=counted)), algo)
    state, _ = update(state, hyper, price)
    first = len(traces)
    for _ in range(2):
        state, _ = update(state, hyper, price)
    other = jax.tree.map(lambda x: type(x)(0.9 * x), hyper)
    update(state, other, price)
    assert 0 < first == len(traces)


@pytest.mark.parametrize(
    "pairs", [20, pytest.param(80, marks=pytest.mark.slow)], ids=["one device", "two devices"]
)
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_runs_are_mapped_over_numbers_and_seeds(algo: str, pairs: int) -> None:
    problem = small(algo, pairs).problem
    algorithm = registry.get("algorithm", algo)
    _, update, hyper, price = started(problem, algo)
    hypers = [hyper, hyper._replace(gamma=0.5, clip_norm=0.1)]
    keys = jax.random.split(jax.random.key(1), 2)
    stacked = jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v, jnp.float32) for v in x]), *hypers)
    states = jax.vmap(lambda hyper, key: algorithm.init(problem, hyper, key))(stacked, keys)
    mapped, metrics = jax.vmap(lambda state, hyper: update(state, hyper, price))(states, stacked)
    for k in range(2):
        alone, measured = update(algorithm.init(problem, hypers[k], keys[k]), hypers[k], price)
        for a, b in zip(numbers(alone.params), numbers(mapped.params), strict=True):
            np.testing.assert_allclose(a, b[k], rtol=1e-3, atol=1e-4)
        assert float(metrics["reward_mean"][k]) == pytest.approx(float(measured["reward_mean"]), rel=1e-3)


# ---- DDPG, step by step: mu(s) = theta s and Q_k(s, a) = w_k (s + a), worked by hand -------

HYPER = ddpg.DDPG.hyper(probes.make_config("ddpg.critic_warmup=1", "ddpg.tau=0.1", "ddpg.clip_norm=1e6"))
BOUNDS = experience.Bounds(0.0, 3.0)


def view(inputs: Any) -> View:
    """Rows of a form that puts out its aim."""
    return View(floats(inputs), np.ones((len(inputs), 1), np.float32))


BATCH = ddpg.Transition(view([[2]]), floats([1]), floats([1]), floats([0.5]), view([[3]]), floats([1]))


def learner() -> Learner:
    policy = small("ddpg", 20).policy._replace(net=lambda theta, inputs: theta * inputs[:1], start=(1.0,))
    value = lambda w, inputs, aim: w * (inputs[0] + aim)
    critic = Critic(lambda key: None, value)
    return Learner(policy, critic, probes.make_config(), [], Workers(1))


def networks(target_actor: float = 0.25, target_critic: float = 4.0) -> ddpg.Networks:
    actor, critic = jnp.float32(0.5), jnp.float32(2.0)
    moments = adam(0.0, 1.0).init
    return ddpg.Networks(actor, critic, target_actor, target_critic, moments(actor), moments(critic))


@pytest.mark.parametrize(
    ("target_actor", "expected"),
    [
        (0.25, 1 + 0.5 * 4 * (3 + 0.75)),
        (2.0, 1 + 0.5 * 4 * (3 + 3)),  # the action 6 is kept within bounds
    ],
)
def test_targets(target_actor: float, expected: float) -> None:
    found = ddpg.targets(learner(), networks(target_actor), BATCH, BOUNDS)
    assert found.tolist() == [expected]


def test_losses() -> None:
    loss, q = ddpg.critic_loss(2.0, learner(), BATCH, floats([8.5]), floats([1]))
    assert (float(loss), q.tolist()) == (6.25, [6])
    climb = jax.value_and_grad(ddpg.actor_loss)
    # within bounds: -Q(2, 1) = -6 with slope -2 * 2; beyond: 4 counts as 3, and is drawn back
    assert [float(x) for x in climb(0.5, 2.0, learner(), BATCH, BOUNDS, floats([1]))] == [-6, -4]
    assert [float(x) for x in climb(2.0, 2.0, learner(), BATCH, BOUNDS, floats([1]))] == [1 - 10, 4]


def test_a_minibatch_by_hand() -> None:
    """Adam's first step is the learning rate against the slope's sign."""
    hyper = HYPER._replace(actor_learning_rate=0.2, critic_learning_rate=0.1)
    step = lambda count: ddpg.gradient_step(learner(), hyper, 1.0, networks(), BATCH, count)
    warming, metrics = step(0)
    assert float(warming.critic) == pytest.approx(2.1)  # towards y = 8.5, from 6
    assert float(warming.actor) == 0.5  # until the critic is warm
    assert float(metrics["bellman_error"]) == pytest.approx(2.5)
    moving, _ = step(1)
    assert float(moving.actor) == pytest.approx(0.7, rel=1e-5)
    assert float(moving.target_actor) == pytest.approx(0.25 + 0.1 * (0.7 - 0.25))
    assert float(moving.target_critic) == pytest.approx(4 + 0.1 * (2.1 - 4))


def test_targets_start_equal_to_the_online_networks() -> None:
    """Biases included."""
    test = small("ddpg", 20)
    state = ddpg.init(test.problem, ddpg.DDPG.hyper(test.config), jax.random.key(0))
    nets = state.networks
    for online, target in [(nets.actor, nets.target_actor), (nets.critic, nets.target_critic)]:
        assert jax.tree.all(jax.tree.map(np.array_equal, online, target))


def test_exploration_stays_within_bounds() -> None:
    test = small("ddpg", 20)
    params, noise = test.policy.init(jax.random.key(0)), floats(np.linspace(-3, 3, 601))
    seen = observation(601, features=np.zeros((4, 601)), inventory=np.zeros((3, 601)))
    seen = test.policy.view(seen._replace(regressors=jnp.ones((4, 601))))
    aim = lambda deviation, evenly: np.asarray(
        ddpg.explore(test.policy, params, BOUNDS, deviation, evenly).aim(seen, noise)
    )
    mean = aim(0.0, False)
    np.testing.assert_allclose(aim(0.5, False), np.clip(mean + 0.5 * noise, 0, 3), atol=1e-5)
    anything = aim(0.5, True)
    assert anything[300] == pytest.approx(1.5)  # the middle
    assert anything.min() == pytest.approx(0.004, abs=1e-3) and (np.diff(anything) > 0).all()


def test_transitions_follow_the_cycles() -> None:
    """Two cycles of two pairs, rows cycle by cycle; the last cycle has no next state."""
    inputs = np.arange(4.0).reshape(2, 1, 2)
    learn = np.array([[True, True], [False, False]])
    seen = experience.Trajectory(
        View(inputs, -inputs), -inputs[:, 0], 0 * inputs[:, 0], floats([[1, 2], [3, 4]]), learn, 1.0 * learn,
        0 * inputs[:, 0],
    )  # fmt: skip
    rows = ddpg.transitions(jax.tree.map(jnp.asarray, seen), 0.9, terminal=False)
    assert rows.view.inputs[:, 0].tolist() == [0, 1, 2, 3]
    assert rows.next_view.inputs[:, 0].tolist() == [2, 3, 0, 0]
    assert rows.next_view.terms[:, 0].tolist() == [-2, -3, 0, 0]
    assert rows.aim.tolist() == [0, -1, -2, -3]
    assert rows.reward.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(rows.discount, [0.9, 0.9, 0, 0])
    assert rows.weight.tolist() == [1, 1, 0, 0]


# ---- PPO, step by step --------------------------------------------------------------------


def test_clipped_surrogate() -> None:
    ratio, advantage = floats([1.5, 0.5, 1.5, 0.5]), floats([1, 1, -1, -1])
    np.testing.assert_allclose(ppo.clipped_surrogate(ratio, advantage, 0.2), [1.2, 0.5, -1.5, -0.8])


def test_the_gaussian() -> None:
    """At two deviations of 0.5: -4 / 2 - log 0.5 - log(2 pi) / 2."""
    log_std = jnp.log(0.5)
    found = ppo.log_prob(floats([2, 0]), log_std)
    peak = math.log(2) - math.log(2 * math.pi) / 2
    assert found.tolist() == pytest.approx([peak - 2, peak])
    assert float(ppo.entropy(log_std)) == pytest.approx(0.5 - peak)


def test_the_first_step_of_a_minibatch_is_the_policy_gradient() -> None:
    """Where the policy is still the old one, the surrogate's slope is that of advantage * log prob."""
    test = small("ppo", 20)
    problem = ppo.learner_of(test.problem)
    config = probes.make_config("ppo.value_weight=0", "ppo.entropy=0")
    nets = ppo.init(test.problem, ppo.PPO.hyper(config), jax.random.key(0)).networks
    rng = np.random.default_rng(0)
    rows = View(floats(rng.normal(size=(6, test.policy.inputs))), floats(rng.normal(size=(6, 5))))
    noise, advantage = floats(rng.normal(size=(2, 6)))
    mean = lambda nets: test.policy.aim(nets.actor, rows.T)
    aim = mean(nets) + jnp.exp(nets.log_std) * noise
    old = ppo.log_prob(noise, nets.log_std)
    sample = ppo.Sample(rows, aim, old, advantage, advantage, advantage, advantage)
    share = jnp.full(6, 1 / 6)

    def plain(nets: ppo.Networks) -> jax.Array:
        moved = (aim - mean(nets)) * jnp.exp(-nets.log_std)
        return -(share * advantage * ppo.log_prob(moved, nets.log_std)).sum()

    surrogate = jax.grad(ppo.surrogate_loss, has_aux=True)
    found, metrics = surrogate(nets, problem, ppo.PPO.hyper(config), 0.0, sample, share)
    expected = jax.grad(plain)(nets)
    for a, b in zip(numbers(found._replace(value=())), numbers(expected._replace(value=())), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert float(metrics["kl"]) == pytest.approx(0, abs=1e-6)


def test_advantages_are_standardised() -> None:
    found = ppo.standardised(floats([1, 3, 99]), floats([1, 1, 0]), Workers(1))
    assert found[:2].tolist() == [-1, 1]
