"""DDPG: an actor that climbs a learned Q-function (Lillicrap et al. 2016, algorithm 1).

One update, in the paper's order: act with noise and observe rewards; store the transitions;
then, `gradient_steps` times: sample a minibatch, set the targets, update the critic, update the
actor, let the target networks follow. The environment is the one simulator, many pairs at once.
An action is the policy's aim (an order or a level, see `policies.heads`).

Every device has its own pairs, replay buffer and part of each minibatch; gradients are summed.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array, lax

from invrl.algorithms import replay as ring
from invrl.algorithms.chunk import Learner, data_parallel, make_learner
from invrl.algorithms.contract import Algorithm, Hyper, Metrics, Problem, Update
from invrl.algorithms.critics import make_critic
from invrl.algorithms.experience import Bounds, Explore, Trajectory, gather, joined, rollout_rows, rows
from invrl.algorithms.optimizer import adam, cosine, follow
from invrl.algorithms.replay import Replay
from invrl.algorithms.returns import Units, discounts, following, td_target
from invrl.metrics import Prices
from invrl.policies.network import Policy, View
from invrl.simulator import Episode


class Transition(NamedTuple):
    """(s, a, r, s'), as rows of the replay buffer."""

    view: View  # [n, D], [n, A]
    aim: Array  # [n] the executed action
    reward: Array  # [n] in the objective's units
    discount: Array  # [n] gamma, or 0 where s' is terminal
    next_view: View
    weight: Array  # [n] of the pair; 0 where the transition is incomplete


class Networks(NamedTuple):
    actor: Any
    critic: Any
    target_actor: Any
    target_critic: Any
    actor_moments: Any  # Adam's
    critic_moments: Any


class State(struct.PyTreeNode):
    networks: Networks
    replay: Any  # Replay; every array has a leading axis of devices
    units: Units
    key: Array
    step: Array  # [] updates done

    @property
    def params(self) -> Any:
        return self.networks.actor


def learner_of(problem: Problem) -> Learner:
    ddpg, activation = problem.config.ddpg, problem.config.network.activation
    return make_learner(problem, ddpg, make_critic(problem.policy, ddpg.hidden, activation, ddpg.layer_norm))


def init(problem: Problem, hyper: Hyper, key: Array) -> State:
    """Target networks start equal to the online ones, the replay buffer empty."""
    learner = learner_of(problem)
    key_actor, key_critic, key = jax.random.split(key, 3)
    actor, critic = learner.policy.init(key_actor), learner.critic.init(key_critic)
    moments = adam(0.0, 1.0).init
    networks = Networks(actor, critic, actor, critic, moments(actor), moments(critic))
    units = Units(jnp.zeros(()), 1.0 / jnp.asarray(hyper.reward_scale, jnp.float32))
    return State(networks, _empty_replay(problem, learner), units, key, jnp.zeros((), jnp.int32))


def _empty_replay(problem: Problem, learner: Learner) -> Replay:
    """[devices, capacity of a device, ...]"""
    policy, devices = problem.policy, learner.workers.devices
    episodes = tuple(group.episode for group in problem.train.groups)
    rollout = rollout_rows(episodes, learner.batch)
    capacity = ring.whole_rollouts(learner.config.ddpg.replay // devices, rollout)
    number, view = jnp.zeros(()), View(jnp.zeros(policy.inputs), jnp.zeros(len(policy.start)))
    buffer = ring.empty(Transition(view, number, number, number, view, number), capacity)
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (devices, *x.shape)), buffer)


def update(problem: Problem) -> Update:
    """`train.evaluate_every` updates in one scan."""
    learner = learner_of(problem)

    def iterate(
        state: State, hyper: Hyper, price: Prices, episodes: tuple[Episode, ...], key: Array
    ) -> tuple[State, Metrics]:
        key_act, key_learn = jax.random.split(key)
        state, seen = act_and_store(learner, hyper, price, state, episodes, key_act)
        state, learned = learn(learner, hyper, state, key_learn)
        return state, {**seen, **learned}

    return data_parallel(problem, iterate, own=("replay",))


def act_and_store(
    learner: Learner, hyper: Hyper, price: Prices, state: State, episodes: tuple[Episode, ...], key: Array
) -> tuple[State, Metrics]:
    """Roll the noisy actor out and push what happened into the replay buffer."""
    policy, config = learner.policy, learner.config
    deviation = cosine(hyper.noise, hyper.final_noise, state.step / config.train.updates)
    bounds = Bounds(hyper.aim_min, hyper.aim_max)
    noisy = explore(policy, state.params, bounds, deviation, state.step < hyper.learning_starts)
    trajectories, units, seen = gather(
        noisy, key, state, episodes, learner.batch, price, config,
        config.ddpg.normalise_rewards, learner.workers,
    )  # fmt: skip
    fresh = joined(lambda seen: transitions(seen, hyper.gamma, config.train.terminal), trajectories)
    state = state.replace(replay=ring.push(state.replay, fresh), units=units)
    return state, {"noise": deviation, **seen}


def explore(policy: Policy, actor: Any, bounds: Bounds, deviation: Array, evenly: Array) -> Explore:
    """a = mu(s) + noise, kept within bounds; or, `evenly`, any action within them."""

    def aim(view: View, noise: Array) -> Array:
        noisy = policy.aim(actor, view) + deviation * noise
        anything = bounds.low + (bounds.high - bounds.low) * jax.scipy.stats.norm.cdf(noise)
        return bounds.clip(jnp.where(evenly, anything, noisy))

    return Explore(policy, aim, bounds)


def transitions(seen: Trajectory, gamma: Array | float, terminal: bool) -> Transition:
    """A trajectory as rows."""
    discount = discounts(seen.learn, gamma, terminal)
    after = jax.tree.map(following, seen.view)
    return jax.tree.map(rows, Transition(seen.view, seen.aim, seen.reward, discount, after, seen.weight))


def learn(learner: Learner, hyper: Hyper, state: State, key: Array) -> tuple[State, Metrics]:
    """`gradient_steps` minibatches from the replay buffer."""
    ddpg = learner.config.ddpg
    rate = cosine(1.0, hyper.final_rate, state.step / learner.config.train.updates)

    def one(networks: Networks, place: Array) -> tuple[Networks, Metrics]:
        key_batch, _ = jax.random.split(jax.random.fold_in(key, place))
        batch = ring.sample(state.replay, key_batch, max(ddpg.minibatch // learner.workers.devices, 1))
        batch = batch._replace(reward=state.units.shrink(batch.reward))
        count = state.step * ddpg.gradient_steps + place
        return gradient_step(learner, hyper, rate, networks, batch, count)

    networks, metrics = lax.scan(one, state.networks, jnp.arange(ddpg.gradient_steps))
    metrics |= ranges(learner.workers.lowest(metrics.pop("lowest")))
    metrics = jax.tree.map(jnp.mean, metrics)
    values = {name: state.units.value(metrics[name], hyper.gamma) for name in VALUES}
    error = {"bellman_error": state.units.scale * metrics["bellman_error"]}
    return state.replace(networks=networks), {**metrics, **values, **error}


VALUES = ("q_mean", "q_min", "q_max", "target_min", "target_max")


def gradient_step(
    learner: Learner, hyper: Hyper, rate: Array | float, networks: Networks, batch: Transition,
    count: Array | int,
) -> tuple[Networks, Metrics]:  # fmt: skip
    """One minibatch: targets, critic, actor, target networks. Devices meet twice, once for each gradient.

    Args:
        rate: [] share of the learning rates that the schedule leaves.
        batch: with rewards as the critic sees them.
        count: [] gradient steps done before.
    """
    bounds = Bounds(hyper.aim_min, hyper.aim_max)
    y = targets(learner, networks, batch, bounds)

    descend = jax.value_and_grad(critic_loss, has_aux=True)
    (loss, q), grads = descend(networks.critic, learner, batch, y, batch.weight)
    error, level = (batch.weight * jnp.abs(q - y)).sum(), (batch.weight * q).sum()
    sums = learner.workers.total((batch.weight.sum(), loss, grads, error, level))
    mass = jnp.maximum(sums[0], 1e-12)
    loss, grads, error, level = jax.tree.map(lambda x: x / mass, sums[1:])
    share = batch.weight / mass
    optimizer = adam(rate * hyper.critic_learning_rate, hyper.clip_norm)
    moves, critic_moments = optimizer.update(grads, networks.critic_moments)
    critic = optax.apply_updates(networks.critic, moves)

    def climb(actor: Any, moments: Any) -> tuple[Any, Any, Array, Array]:
        loss, grads = jax.value_and_grad(actor_loss)(actor, critic, learner, batch, bounds, share)
        loss, grads = learner.workers.total((loss, grads))
        moves, moments = adam(rate * hyper.actor_learning_rate, hyper.clip_norm).update(grads, moments)
        return optax.apply_updates(actor, moves), moments, loss, optax.tree.norm(grads)

    def wait(actor: Any, moments: Any) -> tuple[Any, Any, Array, Array]:
        return actor, moments, jnp.zeros(()), jnp.zeros(())

    due = count >= hyper.critic_warmup
    actor, actor_moments, climbed, norm = lax.cond(due, climb, wait, networks.actor, networks.actor_moments)

    target_actor = follow(networks.target_actor, actor, hyper.tau)
    target_critic = follow(networks.target_critic, critic, hyper.tau)
    return Networks(actor, critic, target_actor, target_critic, actor_moments, critic_moments), {
        "critic_loss": loss, "critic_gradient_norm": optax.tree.norm(grads),
        "actor_loss": climbed, "actor_gradient_norm": norm, "bellman_error": error, "q_mean": level,
        "lowest": jax.tree.map(partial(_lowest, share=share), (q, -q, y, -y)),
    }  # fmt: skip


def targets(learner: Learner, networks: Networks, batch: Transition, bounds: Bounds) -> Array:
    """[n] y = r + gamma Q'(s', mu'(s'))."""
    view = batch.next_view.T
    aim = bounds.clip(learner.policy.aim(networks.target_actor, view))
    value = learner.critic.value(networks.target_critic, view.inputs, aim)
    return td_target(batch.reward, batch.discount, value)


def critic_loss(
    critic: Any, learner: Learner, batch: Transition, y: Array, share: Array
) -> tuple[Array, Array]:
    """Sum of share (Q(s, a) - y)^2, and Q [n]; a mean where `share` [n] sums to 1 over all devices."""
    q = learner.critic.value(critic, batch.view.inputs.T, batch.aim)
    return (share * (q - y) ** 2).sum(), q


def actor_loss(
    actor: Any, critic: Any, learner: Learner, batch: Transition, bounds: Bounds, share: Array
) -> Array:
    """-E Q(s, mu(s)); an action out of bounds counts as the bound, less the squared distance to it."""
    view = batch.view.T
    wanted = learner.policy.aim(actor, view)
    aim = bounds.clip(wanted)
    q = learner.critic.value(critic, view.inputs, aim)
    return (share * ((wanted - aim) ** 2 - q)).sum()


def _lowest(x: Array, share: Array) -> Array:
    """[] over this device's part of a minibatch."""
    return jnp.where(share > 0, x, jnp.inf).min()


def ranges(lowest: tuple[Array, Array, Array, Array]) -> Metrics:
    """The ranges of Q and of its targets, from the lowest of both and of both negated."""
    q, minus_q, target, minus_target = lowest
    return {"q_min": q, "q_max": -minus_q, "target_min": target, "target_max": -minus_target}


SPACE = {
    "ddpg.actor_learning_rate": "log 3e-4 9e-3",
    "ddpg.critic_learning_rate": "log 3e-4 9e-3",
    "ddpg.tau": "log 1e-3 1e-2",
    "ddpg.gamma": "uniform 0.9 1",
    "ddpg.noise": "uniform 0.1 0.5",
    "ddpg.minibatch": "choice 128 256",
}
"""Near the paper's search, which explores by chance actions alone and starts gamma at 0.98."""

DDPG = Algorithm("ddpg", init, update, SPACE)
