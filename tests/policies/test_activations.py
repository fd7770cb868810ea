"""SiLU without an exponential is SiLU: its values, its slopes, and far from zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from invrl.policies.activations import near_silu

NEAR = jnp.linspace(-20.0, 20.0, 40_001)


def test_values_are_silus() -> None:
    assert np.abs(near_silu(NEAR) - jax.nn.silu(NEAR)).max() < 2.5e-4


def test_slopes_are_silus() -> None:
    slope, exact = (jax.vmap(jax.grad(f))(NEAR) for f in (near_silu, jax.nn.silu))
    assert np.abs(slope - exact).max() < 5e-4


def test_far_from_zero_it_is_finite_and_nearly_the_ramp() -> None:
    far = jnp.array([-1e30, -1e6, -1e3, 1e3, 1e6, 1e30])
    assert (np.abs(near_silu(far) - jax.nn.relu(far)) <= 2e-5 * np.abs(far)).all()
