"""The bound on the backward pass: nothing where gradients are ordinary, everything where they explode."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode

from invrl.simulator import Action, Observation, rollout

CYCLES = 40


def cost(slope: float, level: Any, bound: Any) -> Any:
    """A base-stock policy that overreacts to its position by `slope`, over 40 cycles with lost sales."""
    demand = np.full((CYCLES, 1, 1), 5.0) + 2 * np.sin(np.arange(CYCLES))[:, None, None]

    def act(seen: Observation, _: Any) -> Action:
        order = jnp.maximum(level - slope * seen.position, 0.0)
        return Action(order, order[None])

    episode = make_episode(demand, lead_time=1, initial=[[5.0], [5.0]])
    return rollout(
        act, episode, lambda day: 4 * day.unmet + jnp.maximum(day.inventory, 0), shadow_price=bound
    )[0].sum()


@pytest.mark.parametrize("bound", [100.0, None])
def test_an_ordinary_gradient_is_the_finite_difference(bound: float | None) -> None:
    limit = None if bound is None else jnp.full(1, bound)
    with jax.enable_x64(True):
        slope = jax.grad(lambda level: cost(1.0, level, limit))(14.3)
        rise = (cost(1.0, 14.3 + 1e-4, None) - cost(1.0, 14.3 - 1e-4, None)) / 2e-4
    assert slope == pytest.approx(float(rise), rel=1e-3)


def test_an_exploding_gradient_is_bounded() -> None:
    """Each cycle adds at most the bound: the slope of the order times what its unit is worth."""
    free = jax.grad(lambda level: cost(2.5, level, None))(26.0)
    held = jax.grad(lambda level: cost(2.5, level, jnp.full(1, 5.0)))(26.0)
    assert abs(free) > 100 * abs(held)
    assert abs(held) <= CYCLES * 5.0 * (1 + 2.5)


def test_the_forward_pass_is_untouched() -> None:
    assert cost(1.0, 14.3, jnp.full(1, 5.0)) == cost(1.0, 14.3, None)
