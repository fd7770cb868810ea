"""Experience: what a rollout of the one simulator gives DDPG and PPO to learn from.

An action is an aim (see `policies.heads`), kept within a range around 1. The caps on orders are part
of the environment: an order that they cut is recorded under the aim that asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from invrl.algorithms.batches import Share, chosen_blocks, chosen_pairs
from invrl.algorithms.returns import Units, first_units, learnable, order_rewards
from invrl.config.schema import Config
from invrl.devices.placement import Workers
from invrl.metrics import Prices, day_cost
from invrl.policies.network import Policy, View
from invrl.simulator import Action, Day, Episode, Observation, rollout


class Bounds(NamedTuple):
    """The aims that may be executed."""

    low: Array | float
    high: Array | float

    def clip(self, aim: Array) -> Array:
        return jnp.clip(aim, self.low, self.high)

    def reached(self, aim: Array) -> Array:
        """Whether an aim lies on a bound, or beyond."""
        return (aim <= self.low) | (aim >= self.high)


class Trajectory(NamedTuple):
    """Pairs followed through an episode; cycles first, pairs last."""

    view: View  # [C, D, B], [C, A, B] what the policy saw
    aim: Array  # [C, B] the action
    noise: Array  # [C, B] standard normal, from which the action was made
    reward: Array  # [C, B] in the objective's units
    learn: Array  # [C, B] bool: a complete transition
    weight: Array  # [C, B] weight of the pair; 0 where not learnable
    order: Array  # [C, B] days of mean demand


class Explore(NamedTuple):
    """A behaviour policy: the policy and its exploration noise."""

    policy: Policy
    aim: Callable[[View, Array], Array]
    """(view, standard normal noise [B]) -> aim [B]."""
    bounds: Bounds
    """Aims beyond are recorded as they are, and executed at the edge."""


def run(explore: Explore, episode: Episode, key: Array, price: Prices, config: Config) -> Trajectory:
    """One exploring rollout of a block."""
    policy = explore.policy

    def act(seen: Observation, noise: Array) -> Action:
        aim = explore.aim(policy.view(seen), noise)
        return Action(policy.order(explore.bounds.clip(aim), seen), aim[None])  # what is recorded

    def record(seen: Observation, action: Action, days: Day) -> tuple[Any, ...]:
        cost = jax.vmap(
            lambda day: day_cost(day, episode.scale, price, config.objective, whole=episode.whole)
        )(days)
        return policy.view(seen), action.raw[0], action.order, cost

    noise = jax.random.normal(key, episode.active.shape)
    _, (view, aim, order, costs) = rollout(
        act, episode, lambda day: (), unmet=config.supply.unmet, inputs=noise, record=record
    )
    placed = episode.lead_time, episode.active
    reward = order_rewards(costs, *placed, episode.measured)
    learn = learnable(*placed, episode.measured, config.train.terminal)
    weight = jnp.where(learn, episode.weight, 0.0)
    return Trajectory(view, aim, noise, reward, learn, weight, order / episode.scale)


def gather(
    explore: Explore, key: Array, state: Any, episodes: tuple[Episode, ...],
    batch: list[Share], price: Prices, config: Config, normalise: bool, workers: Workers,
) -> tuple[list[Trajectory], Units, dict[str, Array]]:  # fmt: skip
    """This device's experience of one update.

    Args:
        key: of this update and device.
        state: of the algorithm: `key` orders the blocks, `step` counts, `units` are kept after the
            first update.
        episodes: per group, this device's blocks [blocks, ...].
        batch: per group, what to take.
        normalise: set the units by the rewards of the first update.

    Returns:
        Per group the trajectories of the chosen blocks, [blocks, C, ..., B]; the rewards' units; what
        is reported.
    """
    trajectories = []
    for g, (episode, share) in enumerate(zip(episodes, batch, strict=True)):
        numbers = chosen_blocks(state.key, state.step, g, share)
        given = (explore, numbers, jax.random.fold_in(key, g), episode, share, price, config)
        trajectories.append(_gather_group(*given))
    units = state.units
    if normalise:
        first = _first_units(trajectories, units, config.train.terminal, workers)
        units = jax.tree.map(lambda new, old: jnp.where(state.step == 0, new, old), first, units)
    return trajectories, units, _statistics(trajectories, explore.bounds, workers)


def _gather_group(
    explore: Explore, numbers: Array, key: Array,
    episode: Episode, share: Share, price: Prices, config: Config,
) -> Trajectory:  # fmt: skip
    def one(given: tuple[Array, Array]) -> Trajectory:
        number, key = given
        key_pairs, key_noise = jax.random.split(key)
        block = jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, number, keepdims=False), episode)
        block = chosen_pairs(key_pairs, block, share)
        return run(explore, block, key_noise, price, config)

    return lax.map(one, (numbers, jax.random.split(key, share.takes)))


def joined(digest: Callable[[Trajectory], Any], trajectories: list[Trajectory]) -> Any:
    """digest(trajectory) -> tree of rows [n, ...], of all blocks and groups one after the other."""
    parts = [jax.vmap(digest)(blocks) for blocks in trajectories]
    return jax.tree.map(lambda *xs: jnp.concatenate([x.reshape(-1, *x.shape[2:]) for x in xs]), *parts)


def rollout_rows(episodes: tuple[Episode, ...], batch: list[Share]) -> int:
    """Transitions that one device collects in one update."""
    return sum(e.active.shape[-2] * share.rollouts for e, share in zip(episodes, batch, strict=True))


def rows(x: Array) -> Array:
    """[C, K, B] to rows [C B, K], or [C, B] to [C B]."""
    return x.reshape(-1) if x.ndim == 2 else jnp.moveaxis(x, 1, 2).reshape(-1, x.shape[1])


def _first_units(trajectories: list[Trajectory], old: Units, terminal: bool, workers: Workers) -> Units:
    """Units of these rewards; the scale multiplies the one there was (the reward scale)."""
    reward, weight = joined(lambda seen: (rows(seen.reward), rows(seen.weight)), trajectories)
    first = first_units(reward, weight, workers.mean, terminal)
    return first._replace(scale=first.scale * old.scale)


def _statistics(trajectories: list[Trajectory], bounds: Bounds, workers: Workers) -> dict[str, Array]:
    """Orders in days of mean demand, reward per order in the objective's units."""

    def digest(seen: Trajectory) -> tuple[Array, ...]:
        at_bound = bounds.reached(seen.aim).astype(seen.order.dtype)
        return rows(seen.order), rows(seen.reward), rows(at_bound), rows(seen.weight)

    order, reward, at_bound, weight = joined(digest, trajectories)
    return {
        "order_mean": workers.mean(order, weight),
        "share_orders_zero": workers.mean((order <= 0).astype(order.dtype), weight),
        "share_at_bound": workers.mean(at_bound, weight),
        "reward_mean": workers.mean(reward, weight),
    }
