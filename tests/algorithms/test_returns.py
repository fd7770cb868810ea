"""Rewards, windows, advantages and units, against numbers worked by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from builders import floats

from invrl.algorithms.returns import (
    NEVER,
    discounts,
    explained_variance,
    first_units,
    following,
    gae,
    learnable,
    order_rewards,
    td_target,
    window_starts,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("strict_ranks")


def column(*values: float) -> np.ndarray:
    """[C, 1]"""
    return floats(values)[:, None]


def leads(*days: int) -> np.ndarray:
    return np.array(days, np.int8)[:, None]


def flags(*values: int) -> np.ndarray:
    return np.array(values, bool)[:, None]


def mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return (values * weight).sum() / weight.sum()


# ---- windows ------------------------------------------------------------------------------


def test_a_constant_lead_time_shifts_the_cycles() -> None:
    starts = window_starts(leads(1, 1, 1), flags(1, 1, 1), 2)
    assert starts[:, 0].tolist() == [1, 3, 5, NEVER]


def test_an_overtaken_order_has_an_empty_window() -> None:
    # due on days 3, 2 and 4: the second is the last to influence days 2 and 3
    assert window_starts(leads(3, 0, 0), flags(1, 1, 1), 2)[:, 0].tolist() == [2, 2, 4, NEVER]


def test_a_cycle_without_an_order_has_an_empty_window() -> None:
    assert window_starts(leads(0, 0, 0), flags(0, 1, 1), 2)[:, 0].tolist() == [2, 2, 4, NEVER]


def test_rewards_by_hand() -> None:
    costs = floats([[1, 2], [3, 4], [5, 6]])[..., None]
    measured = np.ones(costs.shape, bool)
    measured[0, 0] = False  # nothing arrives before day 1
    rewards = order_rewards(costs, leads(1, 1, 1), flags(1, 1, 1), measured)
    assert rewards[:, 0].tolist() == [-(2 + 3), -(4 + 5), -6]


def test_unmeasured_days_cost_nothing() -> None:
    costs = floats([[1, 2], [3, 4]])[..., None]
    measured = np.array([[False, True], [True, False]])[..., None]
    rewards = order_rewards(costs, leads(0, 0), flags(1, 1), measured)
    assert rewards[:, 0].tolist() == [-2, -3]


@pytest.mark.parametrize("period", [1, 2, 7])
def test_every_measured_day_is_charged_to_the_last_order_that_reached_it(period: int) -> None:
    """Against a plain search for the owner of each day, for lead times that change from day to day."""
    rng = np.random.default_rng(period)
    cycles, pairs = 6, 40
    lead, first = rng.integers(0, 10, (cycles, pairs)), rng.integers(0, cycles, pairs)
    cost = rng.integers(1, 100, (cycles * period, pairs)).astype(np.float32)
    owner = np.full(cost.shape, -1)
    for day, c in np.ndindex(cycles * period, cycles):  # later orders overwrite earlier ones
        reached = (c * period + lead[c] <= day) & (c >= first)
        owner[day] = np.where(reached, c, owner[day])
    expected = [-np.where(owner == c, cost, 0).sum(0) for c in range(cycles)]
    shape = (cycles, period, pairs)
    active = np.arange(cycles)[:, None] >= first
    found = order_rewards(cost.reshape(shape), lead.astype(np.int8), active, (owner >= 0).reshape(shape))
    np.testing.assert_array_equal(found, expected)


# ---- what is learned from -----------------------------------------------------------------


def test_the_end_of_a_panel_cuts_windows() -> None:
    measured = np.ones((3, 2, 1), bool)
    placed = leads(1, 1, 1), flags(1, 1, 1)
    assert learnable(*placed, measured, terminal=False)[:, 0].tolist() == [True, True, False]
    assert learnable(*placed, measured, terminal=True)[:, 0].tolist() == [True, True, True]


def test_a_late_order_influences_no_measured_day() -> None:
    measured = np.ones((4, 1, 1), bool)  # days 0 to 3; orders are due on days 2, 3, 4, 5
    placed = leads(2, 2, 2, 2), flags(1, 1, 1, 1)
    assert learnable(*placed, measured, terminal=True)[:, 0].tolist() == [True, True, False, False]
    assert learnable(*placed, measured, terminal=False)[:, 0].tolist() == [True, True, False, False]


def test_the_last_order_of_a_panel_has_no_next_state() -> None:
    learn = learnable(leads(0, 0), flags(1, 1), np.ones((2, 1, 1), bool), terminal=False)
    assert learn[:, 0].tolist() == [True, False]


def test_cycles_before_the_first_review_teach_nothing() -> None:
    measured = np.array([0, 1, 1, 1], bool).reshape(4, 1, 1)
    learn = learnable(leads(0, 0, 0, 0), flags(0, 1, 1, 1), measured, terminal=False)
    assert learn[:, 0].tolist() == [False, True, True, False]


def test_only_a_terminal_end_stops_the_discounting() -> None:
    learn = flags(1, 1, 0)
    assert discounts(learn, 0.5, terminal=False)[:, 0].tolist() == [0.5, 0.5, 0]
    assert discounts(learn, 0.5, terminal=True)[:, 0].tolist() == [0.5, 0, 0]


# ---- targets and advantages ---------------------------------------------------------------


def test_td_target() -> None:
    found = td_target(floats([1, 1]), floats([0.5, 0]), floats([4, 4]))
    assert found.tolist() == [3, 1]


def test_advantages_before_a_truncation() -> None:
    # delta_1 = 2 + 0.5 * 1.5 - 1 = 1.75; delta_0 = 1 + 0.5 * 1 - 0.5 = 1; A_0 = 1 + 0.25 * 1.75
    learn = flags(1, 1, 0)
    discount = discounts(learn, 0.5, terminal=False)
    found = gae(column(1, 2, 3), column(0.5, 1, 1.5), discount, learn, 0.5)
    assert found[:, 0].tolist() == [1.4375, 1.75, 0]


def test_advantages_before_a_terminal_end() -> None:
    # delta_2 = 3 - 1.5; A_1 = 1.75 + 0.25 * 1.5; A_0 = 1 + 0.25 * 2.125
    learn = flags(1, 1, 1)
    discount = discounts(learn, 0.5, terminal=True)
    found = gae(column(1, 2, 3), column(0.5, 1, 1.5), discount, learn, 0.5)
    assert found[:, 0].tolist() == [1.53125, 2.125, 1.5]


def test_without_a_trace_the_advantage_is_the_td_error_and_with_a_full_one_the_return() -> None:
    rng = np.random.default_rng(0)
    rewards, values = floats(rng.normal(size=(5, 3))), floats(rng.normal(size=(5, 3)))
    learn = np.ones((5, 3), bool)
    discount = discounts(learn, 0.9, terminal=True)
    errors = td_target(rewards, discount, following(values)) - values
    np.testing.assert_allclose(gae(rewards, values, discount, learn, 0.0), errors, rtol=1e-5)
    returns = np.array([sum(0.9 ** (k - c) * rewards[k] for k in range(c, 5)) for c in range(5)])
    found = gae(rewards, values, discount, learn, 1.0) + values
    np.testing.assert_allclose(found, returns, rtol=1e-4, atol=1e-5)


# ---- units --------------------------------------------------------------------------------


def test_units_of_the_first_rewards() -> None:
    units = first_units(floats([-1, -3, 99]), floats([1, 1, 0]), mean, terminal=False)
    assert (float(units.offset), float(units.scale)) == (-2, 1)
    assert units.shrink(floats([-1, -3])).tolist() == [1, -1]
    # a state whose shrunk rewards are all 0 earns -2 for ever: -2 / (1 - 0.5)
    assert float(units.value(jnp.zeros(()), 0.5)) == -4


def test_a_terminal_end_has_no_offset() -> None:
    units = first_units(floats([-1, -3]), floats([1, 1]), mean, terminal=True)
    assert (float(units.offset), float(units.scale)) == (0, 1)
    assert float(units.value(jnp.ones(()) * 7, 0.5)) == 7


def test_constant_rewards_have_units_too() -> None:
    units = first_units(floats([-5, -5]), floats([1, 1]), mean, terminal=False)
    assert float(units.scale) > 0
    assert np.isfinite(units.shrink(floats([-5]))).all()


def test_explained_variance() -> None:
    returns, weight = floats([1, 2, 3, 50]), floats([1, 1, 1, 0])
    assert float(explained_variance(returns, returns, weight, mean)) == 1
    assert float(explained_variance(jnp.full(4, 9.0), returns, weight, mean)) == 0
    assert float(explained_variance(-returns, returns, weight, mean)) == pytest.approx(-3)
    assert float(explained_variance(returns, jnp.ones(4), weight, mean)) == 0  # nothing to explain
