"""Activations by their names in a config. Between two matrix products they are what a small network costs."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

REACH = 10.5
"""Beyond it the sigmoid below is constant."""


def _near_sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) within 4e-5: a quotient of polynomials, fitted (minimax) over -REACH..REACH."""
    y = jnp.clip(x, -REACH, REACH)
    square = y * y
    above = 0.249778257 + square * (0.00617878139 + square * 9.22526698e-06)
    below = 1.0 + square * (0.107651435 + square * 0.000743515045)
    return 0.5 + y * above / below


@jax.custom_jvp
def near_silu(x: Array) -> Array:
    """x / (1 + exp(-x)) within 2e-4 (for x beyond -20..20 within 2e-5 of it), its slope within 5e-4.

    An exponential costs as much as the matrix products of a small network, a quotient next to nothing.
    """
    return x * _near_sigmoid(x)


@near_silu.defjvp
def _near_silu_slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    sigmoid = _near_sigmoid(x)
    value = x * sigmoid
    return value, tangent * (sigmoid * (1.0 - value) + value)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "near_silu": near_silu,
    "relu": nn.relu,
    "silu": nn.silu,
    "elu": nn.elu,
    "tanh": nn.tanh,
}
