"""DS: gradients through the differentiable simulator (Madeka et al. 2022; Alvo et al. 2023).

One update: roll the policy through a batch of pairs, take the gradient of the mean daily
cost with respect to the network, make one Adam step. The stockout indicator of the
`service` objective is replaced by its smooth twin.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array, lax

from invrl.algorithms import refuge
from invrl.algorithms.batches import chosen_blocks, shares
from invrl.algorithms.contract import Algorithm, Hyper, Problem, Update
from invrl.algorithms.optimizer import adam, cosine
from invrl.config.schema import Config
from invrl.devices import placement
from invrl.metrics import Prices, day_cost, shadow_price
from invrl.policies.network import Policy
from invrl.simulator import Episode, rollout


class State(struct.PyTreeNode):
    params: Any
    moments: Any  # Adam's
    key: Array
    step: Array  # []
    refuge: refuge.Refuge


def init(problem: Problem, hyper: Hyper, key: Array) -> State:
    key_params, key_batches = jax.random.split(key)
    params = problem.policy.init(key_params)
    moments = adam(hyper.learning_rate, hyper.clip_norm).init(params)
    return State(params, moments, key_batches, jnp.zeros((), jnp.int32), refuge.start(params))


def episode_cost(
    params: Any, policy: Policy, episode: Episode, price: Prices, config: Config, soft: bool
) -> Array:
    """[N] mean daily cost of each pair; the smooth one if `soft`, else what is reported.

    The smooth one is a straight line between whole units (`metrics.soft_stockout`), so orders of single
    units are not rounded in it: what they cost is what rounding them at random would cost on average, and
    the slope is exact, not straight through. Packs are rounded, and gradients pass straight through.

    The gradient of its sum, weighted by `episode.weight`, is bounded: `ds.gradient_bound` times what a
    unit of stock is worth at most.
    """
    days = jnp.maximum(episode.measured.sum((0, 1)), 1)
    bound = None
    if config.ds.gradient_bound:
        protection = episode.lead_time.max(0) + float(episode.review_period)
        worth = shadow_price(
            episode.scale, protection, price, config.objective, config.supply.unmet, episode.whole
        )
        bound = config.ds.gradient_bound * worth * episode.weight / days
    if soft and config.supply.pack_size <= 1:
        episode = episode.replace(pack=None)
    costs, _ = rollout(
        lambda seen, _: policy.act(params, seen),
        episode,
        lambda day: day_cost(day, episode.scale, price, config.objective, soft, episode.whole),
        unmet=config.supply.unmet,
        remat=True,
        shadow_price=bound,
    )
    return costs / days


def update(problem: Problem) -> Update:
    """`train.evaluate_every` updates in one scan."""
    config, policy = problem.config, problem.policy
    devices = [group.devices for group in problem.train.groups]
    batches = shares(problem, config.ds.batch_pairs)

    gradient = partial(_gradient, policy, config)

    def step(episodes, hyper, price, state, _):
        sums = [
            placement.sum_blocks(
                gradient, (state.params, price), episode, devices[g],
                chosen_blocks(state.key, state.step, g, batches[g]),
            )
            for g, episode in enumerate(episodes)
        ]  # fmt: skip
        mass = sum(episode.weight.sum() for episode in episodes)
        cost, grads = jax.tree.map(
            lambda *parts: sum(parts),
            *(_per_pair(part, episode, mass) for part, episode in zip(sums, episodes, strict=True)),
        )
        rate = cosine(hyper.learning_rate, hyper.final_learning_rate, state.step / config.train.updates)
        rate *= refuge.share(state.refuge, (state.step + 1) / config.train.updates)
        moves, moments = adam(rate, hyper.clip_norm).update(grads, state.moments)
        params = optax.apply_updates(state.params, moves)
        state = state.replace(params=params, moments=moments, step=state.step + 1)
        return state, {"loss": cost, "gradient_norm": optax.tree.norm(grads), "learning_rate": rate}

    def chunk(state, hyper, price, episodes):
        one = partial(step, episodes, hyper, price)
        new, metrics = lax.scan(one, state, length=config.train.evaluate_every)
        params, moments, safe = refuge.go_on(
            state.refuge, price, state.params, new.params, new.moments, metrics["loss"]
        )
        new = new.replace(params=params, moments=moments, refuge=safe)
        return new, jax.tree.map(refuge.finite_mean, metrics)

    return chunk


def _gradient(policy: Policy, config: Config, shared: tuple[Any, Prices], episode: Episode) -> Any:
    """(cost, weight) of a block, summed over its pairs, and the gradient of that cost."""

    def weighted_cost(params: Any, price: Prices) -> tuple[Array, Array]:
        cost = episode_cost(params, policy, episode, price, config, soft=True)
        return (cost * episode.weight).sum(), episode.weight.sum()

    (cost, weight), grads = jax.value_and_grad(weighted_cost, has_aux=True)(*shared)
    return cost, weight, grads


def _per_pair(sums: tuple[Array, Array, Any], episode: Episode, mass: Array) -> tuple[Array, Any]:
    """A group counts by the weight of all its pairs, however many of them are in this batch."""
    cost, weight, grads = sums
    share = episode.weight.sum() / mass / jnp.maximum(weight, 1e-12)
    return jax.tree.map(lambda x: share * x, (cost, grads))


SPACE = {
    "ds.learning_rate": "log 4e-4 1e-1",
    "ds.final_learning_rate": "log 1e-5 1e-3",
    "ds.clip_norm": "log 0.1 10",
    "network.hidden": "choice 32,32 64,64 128,128",
}
"""Learning rate and networks as the paper's search."""

DS = Algorithm("ds", init, update, SPACE)
