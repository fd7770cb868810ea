"""Value networks: the critic Q(s, a) of DDPG and the value V(s) of PPO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from invrl.policies.network import MLP, Policy


class Critic(NamedTuple):
    init: Callable[[Array], Any]
    """key -> parameters."""
    value: Callable[[Any, Array, Array], Array]
    """(parameters, inputs [D, n], aims [n]) -> Q [n]."""


class Value(NamedTuple):
    init: Callable[[Array], Any]
    """key -> parameters."""
    value: Callable[[Any, Array], Array]
    """(parameters, inputs [D, n]) -> V [n]."""


def make_critic(policy: Policy, hidden: tuple[int, ...], activation: str, layer_norm: bool) -> Critic:
    """A critic on the network's input and the aim's distance from its start."""
    mlp = MLP(hidden, activation, (0.0,), layer_norm)
    nothing = jnp.zeros((policy.inputs + 1, 1))

    def value(params: Any, inputs: Array, aim: Array) -> Array:
        return jnp.asarray(mlp.apply(params, jnp.concatenate([inputs, aim[None] - 1.0])))[0]

    return Critic(init=jax.jit(lambda key: mlp.init(jax.random.split(key, 1)[0], nothing)), value=value)


def make_value(policy: Policy, hidden: tuple[int, ...], activation: str) -> Value:
    mlp = MLP(hidden, activation, (0.0,))
    return Value(
        init=jax.jit(lambda key: mlp.init(key, jnp.zeros((policy.inputs, 1)))),
        value=lambda params, inputs: mlp.apply(params, inputs)[0],
    )
