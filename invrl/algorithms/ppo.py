"""PPO: a stochastic policy, improved within a trust region (Schulman et al. 2017, algorithm 1).

One update, in the paper's order: run the policy; estimate advantages; for `epochs` epochs, step
through minibatches of the clipped surrogate objective L = L_clip - c1 L_value + c2 entropy (eq. 9).
The environment is the one simulator, many pairs at once. The policy is a Gaussian around the
policy's aim (an order or a level, see `policies.heads`), with a deviation that does not depend on the
state; evaluation takes its mean.

An action sampled out of bounds is executed at the nearest bound; its probability is that of the
sample. Every device rolls out its own pairs and samples its part of each minibatch; gradients are
summed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array, lax

from invrl.algorithms.chunk import Learner, data_parallel, make_learner
from invrl.algorithms.contract import Algorithm, Hyper, Metrics, Problem, Update
from invrl.algorithms.critics import make_value
from invrl.algorithms.experience import Bounds, Explore, Trajectory, gather, joined, rows
from invrl.algorithms.optimizer import adam, cosine
from invrl.algorithms.returns import Units, discounts, explained_variance, gae
from invrl.algorithms.shuffle import shuffled
from invrl.devices.placement import Workers
from invrl.metrics import Prices
from invrl.policies.network import Policy, View
from invrl.simulator import Episode


class Networks(NamedTuple):
    actor: Any  # the Gaussian's mean
    log_std: Array  # []
    value: Any


class State(struct.PyTreeNode):
    networks: Networks
    moments: Any  # Adam's
    units: Units
    key: Array
    step: Array  # [] updates done

    @property
    def params(self) -> Any:
        return self.networks.actor


class Sample(NamedTuple):
    """Transitions with what the surrogate needs of the policy that made them; rows."""

    view: View  # [n, D], [n, A]
    aim: Array  # [n] as sampled
    log_prob: Array  # [n]
    value: Array  # [n] V(s) before the update
    value_target: Array  # [n] V(s) + advantage
    advantage: Array  # [n]
    weight: Array  # [n] of the pair; 0 where the transition is incomplete


def learner_of(problem: Problem) -> Learner:
    ppo, activation = problem.config.ppo, problem.config.network.activation
    return make_learner(problem, ppo, make_value(problem.policy, ppo.hidden, activation))


def init(problem: Problem, hyper: Hyper, key: Array) -> State:
    learner = learner_of(problem)
    key_actor, key_value, key = jax.random.split(key, 3)
    log_std = jnp.log(jnp.asarray(hyper.initial_std, jnp.float32))
    networks = Networks(learner.policy.init(key_actor), log_std, learner.critic.init(key_value))
    units = Units(jnp.zeros(()), jnp.ones(()))
    return State(networks, adam(0.0, 1.0).init(networks), units, key, jnp.zeros((), jnp.int32))


def update(problem: Problem) -> Update:
    """`train.evaluate_every` updates in one scan."""
    learner = learner_of(problem)

    def iterate(
        state: State, hyper: Hyper, price: Prices, episodes: tuple[Episode, ...], key: Array
    ) -> tuple[State, Metrics]:
        key_act, key_learn = jax.random.split(key)
        state, sample, seen = act(learner, hyper, price, state, episodes, key_act)
        state, learned = learn(learner, hyper, state, sample, key_learn)
        return state, {**seen, **learned}

    return data_parallel(problem, iterate)


def act(
    learner: Learner, hyper: Hyper, price: Prices, state: State, episodes: tuple[Episode, ...], key: Array
) -> tuple[State, Sample, Metrics]:
    """Run the policy and estimate advantages."""
    policy, config, workers = learner.policy, learner.config, learner.workers
    bounds = Bounds(hyper.aim_min, hyper.aim_max)
    sampler = gaussian(policy, state.networks, bounds)
    trajectories, units, seen = gather(
        sampler, key, state, episodes, learner.batch, price, config,
        config.ppo.normalise_rewards, workers,
    )  # fmt: skip
    sample = joined(lambda seen: assess(learner, hyper, units, state.networks, seen), trajectories)
    known = explained_variance(sample.value, sample.value_target, sample.weight, workers.mean)
    metrics = {
        "explained_variance": known,
        "value_mean": units.value(workers.mean(sample.value, sample.weight), hyper.gamma),
        "std": jnp.exp(state.networks.log_std),
        **seen,
    }
    return state.replace(units=units), sample, metrics


def gaussian(policy: Policy, networks: Networks, bounds: Bounds) -> Explore:
    """a ~ N(mu(s), sigma^2), executed within bounds."""
    std = jnp.exp(networks.log_std)
    return Explore(policy, lambda view, noise: policy.aim(networks.actor, view) + std * noise, bounds)


def assess(learner: Learner, hyper: Hyper, units: Units, networks: Networks, seen: Trajectory) -> Sample:
    """A trajectory as rows, with the value of its states and the advantage of its actions."""
    terminal = learner.config.train.terminal
    view = jax.tree.map(rows, seen.view)
    value = learner.critic.value(networks.value, view.inputs.T).reshape(seen.reward.shape)
    discount = discounts(seen.learn, hyper.gamma, terminal)
    advantage = gae(units.shrink(seen.reward), value, discount, seen.learn, hyper.trace)
    probability = log_prob(seen.noise, networks.log_std)
    numbers = (seen.aim, probability, value, value + advantage, advantage, seen.weight)
    return Sample(view, *map(rows, numbers))


def log_prob(noise: Array, log_std: Array) -> Array:
    """[...] log density of a = mu + sigma * noise under the Gaussian; noise [...]."""
    return -0.5 * noise**2 - log_std - 0.5 * jnp.log(2 * jnp.pi)


def learn(learner: Learner, hyper: Hyper, state: State, sample: Sample, key: Array) -> tuple[State, Metrics]:
    """`epochs` times through the update's transitions in minibatches, each time in a new order."""
    ppo = learner.config.ppo
    if ppo.normalise_advantages:
        sample = sample._replace(advantage=standardised(sample.advantage, sample.weight, learner.workers))
    progress = state.step / learner.config.train.updates
    rate = hyper.learning_rate * cosine(1.0, hyper.final_rate, progress)
    bonus = cosine(hyper.entropy, hyper.final_entropy, progress)
    n = sample.weight.shape[0]
    size = min(max(ppo.minibatch // learner.workers.devices, 1), n)

    def minibatch(carry: tuple, chosen: Array) -> tuple[tuple, Metrics]:
        part = jax.tree.map(lambda x: x[chosen], sample)
        networks, moments, metrics = gradient_step(learner, hyper, rate, bonus, carry[0], carry[1], part)
        return (networks, moments), metrics

    orders = jax.vmap(lambda key: shuffled(key, n))(jax.random.split(key, ppo.epochs))
    chosen = orders[:, : n // size * size].reshape(-1, size)
    (networks, moments), metrics = lax.scan(minibatch, (state.networks, state.moments), chosen)
    return state.replace(networks=networks, moments=moments), jax.tree.map(jnp.mean, metrics)


def standardised(advantage: Array, weight: Array, workers: Workers) -> Array:
    """To mean 0 and deviation 1 over all devices."""
    centred = advantage - workers.mean(advantage, weight)
    return centred / jnp.maximum(jnp.sqrt(workers.mean(centred**2, weight)), 1e-8)


def gradient_step(
    learner: Learner, hyper: Hyper, rate: Array, bonus: Array,
    networks: Networks, moments: Any, sample: Sample,
) -> tuple[Networks, Any, Metrics]:  # fmt: skip
    """One step of Adam on the surrogate objective of a minibatch."""
    descend = jax.grad(surrogate_loss, has_aux=True)
    sums = descend(networks, learner, hyper, bonus, sample, sample.weight)
    mass, sums = learner.workers.total((sample.weight.sum(), sums))  # devices meet once
    grads, metrics = jax.tree.map(lambda x: x / jnp.maximum(mass, 1e-12), sums)
    moves, moments = adam(rate, hyper.clip_norm).update(grads, moments)
    metrics["gradient_norm"] = optax.tree.norm(grads)
    return optax.apply_updates(networks, moves), moments, metrics


def surrogate_loss(
    networks: Networks, learner: Learner, hyper: Hyper, bonus: Array, sample: Sample, share: Array
) -> tuple[Array, Metrics]:
    """-sum of share [L_clip - c1 L_value + c2 entropy], eq. 9, a mean where `share` [n] sums to 1."""
    view = sample.view.T
    noise = (sample.aim - learner.policy.aim(networks.actor, view)) * jnp.exp(-networks.log_std)
    change = log_prob(noise, networks.log_std) - sample.log_prob
    ratio = jnp.exp(change)
    gain = clipped_surrogate(ratio, sample.advantage, hyper.clip)
    value = learner.critic.value(networks.value, view.inputs)
    error = (value - sample.value_target) ** 2
    spread = entropy(networks.log_std)
    loss = (share * (hyper.value_weight * error - gain - bonus * spread)).sum()
    return loss, {
        "policy_loss": -(share * gain).sum(),
        "value_loss": (share * error).sum(),
        "entropy": share.sum() * spread,
        "kl": (share * (ratio - 1.0 - change)).sum(),
        "clip_fraction": (share * (jnp.abs(ratio - 1.0) > hyper.clip)).sum(),
    }


def clipped_surrogate(ratio: Array, advantage: Array, clip: Array | float) -> Array:
    """[n] min(ratio A, clip(ratio, 1 - eps, 1 + eps) A), eq. 7."""
    return jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - clip, 1.0 + clip) * advantage)


def entropy(log_std: Array) -> Array:
    """[] of the Gaussian."""
    return log_std + 0.5 * jnp.log(2 * jnp.pi * jnp.e)


SPACE = {
    "ppo.learning_rate": "log 5e-5 9e-3",
    "ppo.clip": "uniform 0.1 0.3",
    "ppo.entropy": "log 1e-5 1e-1",
    "ppo.gamma": "uniform 0.9 1",
    "ppo.trace": "uniform 0.5 1",
    "ppo.initial_std": "uniform 0.1 0.5",
    "ppo.epochs": "choice 3 5 10",
}
"""Near the paper's search, whose entropy bonus is in units of the reward and goes to 0.5."""

PPO = Algorithm("ppo", init, update, SPACE)
