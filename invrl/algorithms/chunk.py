"""What DDPG and PPO share: their set-up, and their chunk, updates in a scan over all devices at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from invrl.algorithms.batches import Share, shares
from invrl.algorithms.contract import Metrics, Problem, Update
from invrl.config.schema import Config
from invrl.devices import placement
from invrl.metrics import Prices
from invrl.policies.network import Policy


class Learner(NamedTuple):
    """What is fixed while learning."""

    policy: Policy
    critic: Any  # Critic of DDPG, Value of PPO
    config: Config
    batch: list[Share]
    workers: placement.Workers


def make_learner(problem: Problem, settings: Any, critic: Any) -> Learner:
    """From the algorithm's section of the config: the pairs of an update, and the devices they are on."""
    batch = shares(problem, settings.batch_pairs, settings.copies)
    workers = placement.Workers(problem.train.groups[0].devices)
    return Learner(problem.policy, critic, problem.config, batch, workers)


Iterate = Callable[[Any, Any, Prices, Any, Array], tuple[Any, Metrics]]
"""One update on one device: (state, hyper, prices, this device's episodes per group, its key of this
update) -> (state, metrics). What it learns from its own pairs it adds up over the devices."""


def data_parallel(problem: Problem, iterate: Iterate, own: tuple[str, ...] = ()) -> Update:
    """`train.evaluate_every` updates in a scan; the metrics are their means.

    Args:
        own: fields of the state that every device has its own of, [devices, ...]. All others are
            equal on all devices.
    """
    length = problem.config.train.evaluate_every
    workers = placement.Workers(problem.train.groups[0].devices)

    def local(shared: Any, mine: dict[str, Any], episodes: Any) -> tuple[Any, Any, Metrics]:
        state, hyper, price = shared
        state = state.replace(**jax.tree.map(lambda x: x[0], mine))

        def one(state: Any, _: None) -> tuple[Any, Metrics]:
            key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), workers.number())
            state, metrics = iterate(state, hyper, price, episodes, key)
            return state.replace(step=state.step + 1), metrics

        state, metrics = lax.scan(one, state, length=length)
        state, mine = _apart(state, own)
        return state, jax.tree.map(lambda x: x[None], mine), jax.tree.map(jnp.mean, metrics)

    def chunk(state: Any, hyper: Any, price: Prices, episodes: Any) -> tuple[Any, Metrics]:
        state, mine = _apart(state, own)
        shared = (state, hyper, price)
        state, mine, metrics = placement.on_each_device(local, shared, mine, episodes, workers.devices)
        return state.replace(**mine), metrics

    return chunk


def _apart(state: Any, own: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    """The state without some fields, and those fields."""
    return state.replace(**dict.fromkeys(own)), {name: getattr(state, name) for name in own}
