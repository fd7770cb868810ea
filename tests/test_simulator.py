"""The simulator against hand arithmetic, and its gradient against finite differences."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import days_of, floats, make_episode, ordering, place_orders, up_to

from invrl.config.schema import Network
from invrl.policies.heads import Head, one
from invrl.policies.network import make_policy
from invrl.simulator import Action, rollout


def column(days: Any, name: str) -> list[float]:
    return getattr(days, name)[:, 0].tolist()


def test_lead_time_zero_arrives_at_once() -> None:
    episode = make_episode([[[3]], [[4]], [[0]]], lead_time=0, initial=[[1]])
    days = place_orders(episode, [[4], [1], [2]])
    # day 0: 1 in stock + 4 ordered = 5 on hand, sells 3, ends with 2
    # day 1: 2 + 1 = 3 on hand, wants 4: sells 3, loses 1, ends with 0
    # day 2: 0 + 2 = 2 on hand, no demand, ends with 2
    assert column(days, "on_hand") == [5, 3, 2]
    assert column(days, "sales") == [3, 3, 0]
    assert column(days, "unmet") == [0, 1, 0]
    assert column(days, "inventory") == [2, 0, 2]
    assert column(days, "order") == [4, 1, 2]


def test_lead_time_one_arrives_next_morning() -> None:
    episode = make_episode([[[3]], [[3]], [[3]]], lead_time=1, initial=[[2], [0]])
    days = place_orders(episode, [[5], [0], [9]])
    # day 0: 2 on hand, wants 3: sells 2, loses 1.  day 1: the 5 arrive, sells 3, ends with 2
    # day 2: 2 on hand (the order of today comes tomorrow), sells 2, loses 1
    assert column(days, "on_hand") == [2, 5, 2]
    assert column(days, "unmet") == [1, 0, 1]
    assert column(days, "inventory") == [0, 2, 0]


def test_lead_time_three_with_stock_already_on_the_way() -> None:
    episode = make_episode(np.full((5, 1, 1), 2), lead_time=3, initial=[[1], [4], [0], [0]])
    days = place_orders(episode, [[7], [0], [0], [0], [0]])
    # day 0: 1 on hand, loses 1.  day 1: 4 arrive, sells 2, ends with 2.  day 2: sells 2, ends with 0
    # day 3: the 7 of day 0 arrive, ends with 5.  day 4: ends with 3
    assert column(days, "on_hand") == [1, 4, 2, 7, 5]
    assert column(days, "inventory") == [0, 2, 0, 5, 3]
    assert column(days, "unmet") == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("period", "order_days", "inventory"),
    [
        # base stock 6, lead time 1, demand 2 a day, 6 in stock: every day it orders yesterday's 2
        (1, [0, 2, 2, 2, 2, 2], [4, 2, 2, 2, 2, 2]),
        # reviews on days 0, 2, 4: nothing, then position 2 -> 4, then position 2 + 0 on order -> 4
        (2, [0, 0, 4, 0, 4, 0], [4, 2, 0, 2, 0, 2]),
        # reviews on days 0 and 3: on day 3 position is 0 -> 6, due on day 4
        (3, [0, 0, 0, 6, 0, 0], [4, 2, 0, 0, 4, 2]),
    ],
)
def test_orders_fall_on_review_days_only(
    period: int, order_days: list[float], inventory: list[float]
) -> None:
    episode = make_episode(np.full((6 // period, period, 1), 2), lead_time=1, initial=[[6], [0]])
    days = days_of(up_to(np.float32(6)), episode)
    assert column(days, "order") == order_days
    assert column(days, "inventory") == inventory


def test_backlog_is_carried_and_served_first() -> None:
    episode = make_episode([[[5]], [[1]], [[0]]], lead_time=1, initial=[[2], [0]])
    days = place_orders(episode, [[6], [0], [0]], unmet="backlog")
    # day 0: 2 - 5 = -3.  day 1: -3 + 6 = 3 on hand, minus 1 = 2.  day 2: stays 2
    assert column(days, "on_hand") == [2, 3, 2]
    assert column(days, "inventory") == [-3, 2, 2]
    assert column(days, "unmet") == [3, 0, 0]  # the backlog at the end of the day
    assert column(days, "sales") == [5, 1, 0]


def test_position_seen_counts_pipeline_and_backlog() -> None:
    episode = make_episode([[[5]], [[1]], [[4]]], lead_time=2, initial=[[2], [3], [0]])
    _, seen = rollout(
        ordering(None), episode, lambda day: day.sales, unmet="backlog",
        inputs=jnp.array([[10.0], [0.0], [0.0]]), record=lambda seen, action, days: seen.position,
    )  # fmt: skip
    # day 0: 2 + 3 on the way = 5.  day 1: 2 - 5 + 3 = 0 on hand + 10 = 10.  day 2: 10 - 1 = 9
    assert seen[:, 0].tolist() == [5, 10, 9]


def test_a_later_order_may_arrive_first() -> None:
    lead_time = np.array([[3], [1], [0], [0]])
    episode = make_episode(np.zeros((4, 1, 1)), lead_time, initial=np.zeros((4, 1)))
    days = place_orders(episode, [[10], [5], [0], [0]])
    # the 5 of day 1 arrive on day 2, the 10 of day 0 on day 3
    assert column(days, "on_hand") == [0, 0, 5, 15]


def test_two_orders_due_on_one_day_both_arrive() -> None:
    episode = make_episode(np.zeros((3, 1, 1)), np.array([[2], [1], [0]]), initial=np.zeros((3, 1)))
    assert column(place_orders(episode, [[10], [5], [1]]), "on_hand") == [0, 0, 16]


def test_caps_on_orders_and_position() -> None:
    episode = make_episode(
        np.zeros((4, 1, 1)), 1, [[3], [0]], max_order=floats([5]), max_position=floats([11])
    )
    days = place_orders(episode, [[-2], [9], [9], [9]])
    # a negative order is none; 9 is cut to 5 (position 8), then to the 3 that are left below 11, then to 0
    assert column(days, "order") == [0, 5, 3, 0]


def test_stock_above_the_position_cap_is_no_negative_order() -> None:
    episode = make_episode(np.zeros((1, 1, 1)), 0, [[20]], max_position=floats([11]))
    assert column(place_orders(episode, [[9]]), "order") == [0]


def test_no_order_where_inactive() -> None:
    active = np.array([[False], [True]])
    episode = make_episode(np.zeros((2, 2, 1)), 0, [[0]], active=active)
    assert column(place_orders(episode, [[9], [4]]), "order") == [0, 0, 4, 0]


def test_only_measured_days_are_summed() -> None:
    measured = np.array([[[False], [True]], [[True], [False]]])
    episode = make_episode([[[1], [2]], [[4], [8]]], 0, [[100]], measured=measured)
    total, records = rollout(ordering(None), episode, lambda day: day.demand, inputs=jnp.zeros((2, 1)))
    assert total.tolist() == [6]  # 2 + 4
    assert records is None


def test_one_pair_without_a_pair_axis() -> None:
    episode = make_episode([[[2], [1]], [[3], [0]]], 1, [[4], [0]])
    days = days_of(up_to(np.float32(4)), jax.tree.map(lambda x: x[..., 0], episode))
    # day 0: 4 - 2 = 2.  day 1: 1.  day 2: orders 4 - 1 = 3 for tomorrow, sells 1 of 3, ends with 0.  day 3: 3
    assert days.inventory.tolist() == [2, 1, 0, 3]


# ---- batches and gradients -----------------------------------------------------------------


NONE_HEAD = Head((1.0,), one, lambda aim, seen: aim * seen.scale * seen.review_period)
"""The network's output as it is: no floor, so that the gradient is the mathematical one."""


def moved(params: Any) -> Any:
    """Parameters away from the flat start, so that the network matters."""
    leaves = jax.tree.leaves(params)
    keys = jax.random.split(jax.random.key(7), len(leaves))
    added = [x + 0.3 * jax.random.normal(k, x.shape, x.dtype) for x, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(params), added)


def rough_episode() -> Any:
    """float64; demand is never a whole number, so that no kink is met."""
    rng = np.random.default_rng(3)
    return make_episode(
        rng.gamma(2.0, 2.0, (5, 2, 4)), rng.integers(0, 3, (5, 4)), rng.gamma(2.0, 2.0, (3, 4)),
        features=rng.normal(size=(5, 2, 4)), scale=rng.uniform(2, 5, 4), demand_rate=rng.uniform(2,
        5, (5, 4)),
        max_order=np.full(4, 30.0), max_position=np.full(4, 200.0),
    )  # fmt: skip


@pytest.mark.parametrize("unmet", ["lost", "backlog"])
def test_gradient_of_orders_is_the_finite_difference(unmet: str) -> None:
    with jax.enable_x64(True):
        episode = rough_episode()
        orders = jnp.asarray(np.random.default_rng(4).uniform(3, 9, (5, 4)))

        def cost(orders: Any) -> Any:
            tally = lambda day: 0.9 * day.unmet + 0.1 * jnp.maximum(day.inventory, 0)
            return rollout(ordering(None), episode, tally, unmet=unmet, inputs=orders)[0].sum()

        gradient = jax.jit(jax.grad(cost))(orders)
        cost = jax.jit(cost)
        for place in np.ndindex(*orders.shape):
            step = jnp.zeros_like(orders).at[place].set(1e-6)
            slope = (cost(orders + step) - cost(orders - step)) / 2e-6
            assert float(gradient[place]) == pytest.approx(float(slope), abs=1e-6)
        assert (gradient != 0).any() and gradient.dtype == np.float64


def test_gradient_through_the_network_is_the_finite_difference() -> None:
    with jax.enable_x64(True):
        episode = rough_episode()
        policy = make_policy(Network(hidden=(4,), activation="silu"), NONE_HEAD, features=2, slots=3)
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), moved(policy.init(jax.random.key(0))))

        def cost(params: Any) -> Any:
            tally = lambda day: 0.9 * day.unmet + 0.1 * day.inventory
            return rollout(lambda seen, _: policy.act(params, seen), episode, tally, remat=True)[0].sum()

        gradient = jax.jit(jax.grad(cost))(params)
        direction = moved(jax.tree.map(jnp.zeros_like, params))
        along = sum(
            jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
        )
        cost = jax.jit(cost)
        shift = lambda h: cost(jax.tree.map(lambda p, d: p + h * d, params, direction))
        slope = (shift(1e-6) - shift(-1e-6)) / 2e-6
        assert abs(slope) > 0.1
        assert float(along) == pytest.approx(float(slope), rel=1e-6)


def test_gradient_of_a_sum_over_pairs_is_the_stack_of_gradients() -> None:
    rng = np.random.default_rng(5)
    episode = make_episode(rng.gamma(2, 2, (4, 2, 3)), 1, rng.gamma(2, 2, (2, 3)))

    def cost(orders: Any, episode: Any) -> Any:
        return rollout(ordering(None), episode, lambda day: day.unmet, inputs=orders)[0].sum()

    orders = jnp.asarray(rng.uniform(0, 6, (4, 3)), jnp.float32)
    together = jax.grad(cost)(orders, episode)
    each = jax.vmap(jax.grad(cost), in_axes=(-1, -1), out_axes=-1)(orders, episode)
    np.testing.assert_allclose(together, each, rtol=1e-6)


def test_remat_changes_nothing() -> None:
    rng = np.random.default_rng(6)
    episode = make_episode(rng.poisson(3, (4, 2, 3)), 1, rng.poisson(4, (2, 3)))
    run = partial(rollout, up_to(np.float32(9)), episode, lambda day: day.inventory)
    assert np.array_equal(run(remat=True)[0], run(remat=False)[0])


def test_raw_action_and_executed_order_are_recorded() -> None:
    episode = make_episode(np.zeros((2, 1, 1)), 0, [[0]], max_order=floats([5]))
    act = lambda seen, _: Action(jnp.array([9.0]), jnp.array([[7.0]]))
    _, action = rollout(act, episode, lambda day: day.sales, record=lambda seen, action, days: action)
    assert action.order.tolist() == [[5], [5]]  # what was executed, after the cap
    assert action.raw.tolist() == [[[7]], [[7]]]
