"""The one network that serves all pairs: an MLP over features and scaled inventory."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from invrl.config.schema import Network
from invrl.policies.activations import ACTIVATIONS
from invrl.policies.heads import Head, aim
from invrl.simulator import Action, Observation


class View(NamedTuple):
    """What the policy makes of an observation."""

    inputs: Array  # [D, N] of the network
    terms: Array  # [A, N] what its raw output is multiplied by

    @property
    def T(self) -> View:
        """Rows of transitions [n, ...] as the columns [..., n] that networks take."""
        return View(self.inputs.T, self.terms.T)


class Policy(NamedTuple):
    """A learned policy as pure functions."""

    init: Callable[[Array], Any]
    """key -> parameters."""
    view: Callable[[Observation], View]
    net: Callable[[Any, Array], Array]
    """(parameters, inputs [D, N]) -> raw output [A, N]."""
    order: Callable[[Array, Observation], Array]
    """(aim [N], observation) -> order [N], units."""
    inputs: int
    """D."""
    start: tuple[float, ...]
    """The raw output before training; its length is A."""

    def act(self, params: Any, seen: Observation) -> Action:
        view = self.view(seen)
        raw = self.net(params, view.inputs)
        return Action(self.order(aim(raw, view.terms), seen), raw)

    def aim(self, params: Any, view: View) -> Array:
        """[N] see `heads`."""
        return aim(self.net(params, view.inputs), view.terms)


class Linear(nn.Module):
    """A dense layer on columns: [F, N] -> [features, N], the layout of the simulator."""

    features: int
    kernel: Callable = nn.initializers.lecun_normal(in_axis=1, out_axis=0)
    bias: Callable = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weight = self.param("kernel", self.kernel, (self.features, x.shape[0]))
        bias = self.param("bias", self.bias, (self.features, 1))
        return weight @ x + bias


class MLP(nn.Module):
    """Hidden layers, then a linear output that starts near `start`."""

    hidden: tuple[int, ...]
    activation: str
    start: tuple[float, ...]
    layer_norm: bool = False
    """Normalise each hidden layer before its activation (Ba et al. 2016)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for width in self.hidden:
            x = Linear(width)(x)
            x = nn.LayerNorm(reduction_axes=0, feature_axes=0)(x) if self.layer_norm else x
            x = ACTIVATIONS[self.activation](x)
        small = nn.initializers.variance_scaling(0.01, "fan_in", "normal", in_axis=1, out_axis=0)
        start = jnp.asarray(self.start)[:, None]
        return Linear(len(self.start), kernel=small, bias=lambda *_: start)(x)


def network_input(seen: Observation) -> Array:
    """[F + L + 1, N]: the features, and inventory in protection intervals of recent demand."""
    return jnp.concatenate([seen.features, seen.inventory / (seen.demand_rate * seen.protection)])


@lru_cache(32)
def make_policy(config: Network, head: Head, features: int, slots: int) -> Policy:
    """The policy of one network and one head; equal ones are the same, so that they are compiled once.

    Args:
        features: F, rows of `Observation.features`.
        slots: L + 1, rows of `Observation.inventory`.
    """
    mlp = MLP(config.hidden, config.activation, head.start)

    def net(params: Any, inputs: Array) -> Any:
        return mlp.apply(params, inputs)

    return Policy(
        init=jax.jit(lambda key: mlp.init(key, jnp.zeros((features + slots, 1)))),
        view=lambda seen: View(network_input(seen), head.terms(seen)),
        net=net,
        order=head.order,
        inputs=features + slots,
        start=head.start,
    )
