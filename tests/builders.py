"""Small panels, episodes and policies that the tests share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from invrl.config import reading
from invrl.config.schema import Config
from invrl.demand.panel import Panel
from invrl.experiment import Experiment
from invrl.simulator import Action, Day, Episode, Observation, rollout


def floats(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def make_config(*words: str) -> Config:
    return reading.load(None, words)


def make_panel(demand: Any, **fields: Any) -> Panel:
    """A panel of demand [T, N]; SKUs S0, S1, ... in one warehouse."""
    demand = np.asarray(demand, np.float32)
    names = {
        "sku": np.array([f"S{i}" for i in range(demand.shape[1])]),
        "warehouse": np.full(demand.shape[1], "W"),
    }
    return Panel(demand, **{**names, **fields})


def poisson_panel(days: int, pairs: int, seed: int = 0, **fields: Any) -> Panel:
    """Weekly-seasonal demand of pairs with different means."""
    rng = np.random.default_rng(seed)
    mean = rng.lognormal(1.0, 0.8, pairs)
    season = 1 + 0.4 * np.sin(np.arange(days) * 2 * np.pi / 7)[:, None]
    return make_panel(rng.poisson(mean * season), **fields)


def make_experiment(panel: Panel, *words: str) -> Experiment:
    return Experiment(make_config(*words), panel)


def make_episode(demand: Any, lead_time: Any, initial: Any, **fields: Any) -> Episode:
    """An episode without features: every day measured, every review active, no caps.

    Args:
        demand: [C, P, N].
        lead_time: [N] or [C, N].
        initial: [L+1, N].
    """
    demand = np.asarray(demand)
    wide = demand.dtype == np.float64 and jnp.zeros(()).dtype == np.float64  # under `jax.enable_x64`
    demand = demand.astype(np.float64 if wide else np.float32)
    cycles, _, pairs = demand.shape
    one = np.ones(pairs, demand.dtype)
    values = {
        "demand": demand,
        "measured": np.ones(demand.shape, bool),
        "active": np.ones((cycles, pairs), bool),
        "lead_time": np.broadcast_to(lead_time, (cycles, pairs)).astype(np.int8),
        "features": np.zeros((cycles, 0, pairs), demand.dtype),
        "regressors": np.zeros((cycles, 4, pairs), demand.dtype),
        "demand_rate": np.ones((cycles, pairs), demand.dtype),
        "scale": one,
        "spread": one,
        "initial": np.asarray(initial, demand.dtype),
        "max_order": np.full(pairs, np.inf, demand.dtype),
        "max_position": np.full(pairs, np.inf, demand.dtype),
        "weight": one,
    }
    return Episode(**{name: jnp.asarray(x) for name, x in {**values, **fields}.items()})


def observation(pairs: int = 1, **fields: Any) -> Observation:
    """What a policy sees: by default nothing in stock, scale 1, lead time 1, review period 1."""
    inventory = np.asarray(fields.pop("inventory", np.zeros((2, pairs))), np.float32)
    pairs = inventory.shape[1]
    one = np.ones(pairs, np.float32)
    values: dict[str, Any] = {
        "inventory": inventory,
        "position": inventory.sum(0),
        "features": np.zeros((0, pairs), np.float32),
        "regressors": np.zeros((4, pairs), np.float32),
        "demand_rate": one,
        "scale": one,
        "spread": one,
        "lead_time": one,
        "review_period": 1,
        "unmet": "lost",
    }
    values |= fields
    fixed = {name: values.pop(name) for name in FIXED}
    return Observation(**{name: jnp.asarray(x, jnp.float32) for name, x in values.items()}, **fixed)


FIXED = ("review_period", "unmet")
"""Fields of an observation that are the same for all pairs."""


def some_pairs(seen: Observation, pairs: slice) -> Observation:
    """The observation of a few pairs."""
    cut = {k: x[..., pairs] for k, x in seen._asdict().items() if k not in FIXED and x is not None}
    return seen._replace(**cut)


def ordering(orders: Any) -> Callable[[Observation, Any], Action]:
    """A policy that places the given orders [C, N], handed in as the rollout's inputs."""
    return lambda seen, given: Action(given, seen.position[None])


def up_to(level: Any) -> Callable[[Observation, Any], Action]:
    """The base-stock policy of a level [N]."""
    return lambda seen, _: Action(jnp.maximum(level - seen.position, 0.0), seen.position[None])


def days_of(act: Callable, episode: Episode, unmet: str = "lost", inputs: Any = None) -> Day:
    """Every day of a rollout as a Day of [C * P, N]."""
    record = lambda seen, action, days: days
    _, days = rollout(act, episode, lambda day: day.sales, unmet=unmet, inputs=inputs, record=record)
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), days)


@cache
def _placing(unmet: str) -> Callable:
    return jax.jit(lambda episode, orders: days_of(ordering(orders), episode, unmet, orders))


def place_orders(episode: Episode, orders: Any, unmet: str = "lost") -> Day:
    """Every day [C * P, N] under given orders [C, N]; compiled once per shape."""
    return jax.device_get(_placing(unmet)(episode, jnp.asarray(orders, episode.demand.dtype)))


def one_device(monkeypatch: Any) -> None:
    """Lay what is built from here on over a single device."""
    monkeypatch.setattr(jax, "device_count", lambda: 1)


SMALL = (
    "data.source=retail", "data.options.pairs=24", "data.options.days=70", "data.options.seed=3",
    "split.validation_days=10", "split.test_days=10", "split.warmup_days=7", "network.hidden=[8]",
    "train.updates=30", "train.evaluate_every=5", "train.patience=0", "evaluation.bootstrap=50",
    "baseline.beside=['incumbent']", "baseline.forecast=mean",
    "baseline.distribution=normal", "ddpg.hidden=[8]", "ddpg.gradient_steps=2", "ddpg.minibatch=16",
    "ddpg.critic_warmup=4", "ppo.hidden=[8]", "ppo.epochs=1", "ppo.minibatch=64",
)  # fmt: skip


def held(experiment: Experiment, part: str, name: str) -> np.ndarray:
    """A field of a part's episodes, of all pairs: [N, ...]."""
    groups = getattr(experiment, part).groups
    return experiment.train.gather(
        [np.moveaxis(np.asarray(getattr(g.episode, name)), -1, 1) for g in groups]
    )[0]
