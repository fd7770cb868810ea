"""Measures and objectives against hand arithmetic."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode, ordering, place_orders, up_to

from invrl.config.schema import Objective
from invrl.metrics import (
    MEASURES,
    PERCENT,
    Prices,
    Totals,
    day_cost,
    float_sums,
    is_stockout,
    measures,
    prices,
    settled,
    soft_stockout,
    totals,
)  # fmt: skip
from invrl.simulator import Day, rollout

CAP = 365.0
DEMAND = np.array([[3.0, 0.0, 0.0], [1.0, 0.0, 0.0], [4.0, 0.0, 2.0], [0.0, 0.0, 0.0]])  # [T, N]
STOCK = np.array([[5.0, 2.0, 0.0], [0.0, 0.0, 0.0]])
ORDERS = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [6.0, 0.0, 0.0]])
# pair 0 (lead time 1): 5-3 = 2 | 2-1 = 1, orders 2 | 1+2-4: sells 3, loses 1, ends 0 | ends 0, orders 6
# pair 1: nobody buys, 2 in stock all days.  pair 2: nothing in stock, 2 lost on day 2
EXPECTED: dict[str, list[float]] = {
    "stockout_rate": [2 / 4, 0, 1],
    "turnover_time": [(2 + 1 + 0 + 0) / (3 + 1 + 3 + 0), CAP, 0],  # mean stock / mean sales; the cap; empty
    "fill_rate": [7 / 8, 1, 0],
    "lost_units": [1 / 4, 0, 2 / 4],
    "average_inventory": [3 / 4, 2, 0],
    "mean_sales": [7 / 4, 0, 0],
    "order_size": [8 / 2, 0, 0],
    "order_cv": [float(np.std([0, 2, 0, 6])) / 2, 0, 0],
}
SCALE = np.array([2.0, 0.5, 1.0])


def hand_episode() -> Any:
    return make_episode(DEMAND[:, None], 1, STOCK, scale=SCALE.astype(np.float32))


def summed(episode: Any, orders: np.ndarray, unmet: str = "lost") -> Totals:
    tally, given = partial(totals, scale=episode.scale), jnp.asarray(orders, jnp.float32)
    sums, _ = rollout(ordering(None), episode, tally, unmet=unmet, inputs=given)
    return float_sums(sums)


def measured(objective: Objective | None = None, unmet: str = "lost") -> dict[str, np.ndarray]:
    return measures(summed(hand_episode(), ORDERS, unmet), SCALE, objective or Objective(), CAP)


def test_measures_by_hand() -> None:
    found = measured()
    for name, values in EXPECTED.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, err_msg=name)


def test_cost_by_hand() -> None:
    # 0.9 * unmet + 0.1 * leftover a day, in units
    units = [0.9 * 1 / 4 + 0.1 * 3 / 4, 0.1 * 2, 0.9 * 2 / 4]
    np.testing.assert_allclose(measured(Objective(per="unit"))["cost"], units, rtol=1e-6)
    np.testing.assert_allclose(measured(Objective(per="mean_demand"))["cost"], units / SCALE, rtol=1e-6)


def test_service_objective_by_hand() -> None:
    found = measured(Objective(kind="service", stockout_weight=10, turnover_weight=2))["objective"]
    # 10 * stockout rate + 2 * mean stock / mean demand of the training days
    np.testing.assert_allclose(found, [10 * 0.5 + 2 * 0.75 / 2, 2 * 2 / 0.5, 10.0], rtol=1e-6)


def test_cost_objective_is_the_cost() -> None:
    found = measured(Objective(kind="cost"))
    assert np.array_equal(found["objective"], found["cost"])


def test_every_measure_has_a_heading_and_only_those() -> None:
    assert set(measured()) == set(MEASURES)
    assert set(PERCENT) < set(MEASURES)


def test_turnover_is_cut_at_the_cap() -> None:
    demand = np.zeros((2, 1, 2))
    demand[0, 0] = 1.0
    found = measures(
        summed(make_episode(demand, 0, [[1.0, 900.0]]), np.zeros((2, 2))), np.ones(2), Objective(), 365.0
    )
    # pair 0 sells its unit: 0 left.  pair 1: (899 + 899) / 2 over 1 / 2 a day = 1798 days -> 365
    assert found["turnover_time"].tolist() == [0, 365]


def test_a_day_that_ends_with_nothing_is_a_stockout() -> None:
    """Nothing, and what float arithmetic may leave of it; of a backlog as well."""
    left = jnp.asarray([0, 1, 1e-6, 1e-2, -1], jnp.float32)
    day = Day(left, left + 3, left * 0 + 3, left * 0 + 3, left * 0, left)
    assert is_stockout(day, left * 0 + 3).tolist() == [1, 0, 1, 0, 1]
    np.testing.assert_allclose(settled(day, left * 0 + 3).inventory, [0, 1, 0, 1e-2, -1])


def test_fill_rate_of_a_backlog_counts_what_came_late() -> None:
    """Demand served from stock on its day / demand: a backlog that is served later was not filled."""
    # 2 in stock, nothing arrives: 1 is served on day 0; of 3 wanted on day 1, 1 is; of 2 on day 2, none
    episode = make_episode([[[1.0]], [[3.0]], [[2.0]]], 1, [[2.0], [0.0]])
    found = measures(summed(episode, np.zeros((3, 1)), "backlog"), np.ones(1), Objective(), CAP)
    assert found["fill_rate"][0] == pytest.approx(2 / 6)


def test_backlog_costs_every_day_it_lasts() -> None:
    episode = make_episode([[[3.0]], [[0.0]], [[0.0]]], 1, [[1.0], [0.0]])
    found = measures(summed(episode, np.zeros((3, 1)), "backlog"), np.ones(1), Objective(kind="cost"), CAP)
    assert found["cost"][0] == pytest.approx(0.9 * 2)  # 2 units owed on each of 3 days
    assert found["stockout_rate"][0] == 1
    assert found["average_inventory"][0] == 0  # a backlog is no negative stock


def test_unmeasured_pairs_give_no_numbers_to_divide_by() -> None:
    nothing = float_sums([np.zeros(1)] * len(Totals._fields))
    assert all(
        np.isfinite(values).all() for values in measures(nothing, np.ones(1), Objective(), CAP).values()
    )


def test_permutation_of_the_pairs_permutes_the_measures() -> None:
    rng = np.random.default_rng(0)
    sums = Totals(*rng.gamma(2, 3, (len(Totals._fields), 9)))
    scale, order = rng.gamma(2, 3, 9), rng.permutation(9)
    found = measures(sums, scale, Objective(), CAP)
    shuffled = measures(Totals(*(x[order] for x in sums)), scale[order], Objective(), CAP)
    for name, values in found.items():
        assert np.array_equal(values[order], shuffled[name])


# ---- the objective a day at a time ---------------------------------------------------------


def random_episode() -> Any:
    rng = np.random.default_rng(1)
    return make_episode(
        rng.poisson(4, (10, 2, 6)), 2, rng.poisson(6, (3, 6)), scale=rng.gamma(5, 1, 6).astype(np.float32),
        measured=rng.random((10, 2, 6)) < 0.7,
    )  # fmt: skip


@pytest.mark.parametrize("unmet", ["lost", "backlog"])
@pytest.mark.parametrize(
    "objective",
    [Objective(), Objective(kind="cost"), Objective(kind="cost", per="unit", penalty=7, holding=2)],
    ids=["service", "cost", "cost per unit"],
)
def test_objective_is_the_mean_of_the_days(objective: Objective, unmet: str) -> None:
    episode = random_episode()

    def tally(day: Day) -> Any:
        return day_cost(day, episode.scale, prices(objective), objective), totals(day, episode.scale)

    (cost, sums), _ = rollout(up_to(np.float32(15)), episode, tally, unmet=unmet)
    mean = np.asarray(cost) / episode.measured.sum((0, 1))
    found = measures(float_sums(sums), episode.scale, objective, CAP)["objective"]
    np.testing.assert_allclose(mean, found, rtol=1e-5)


def random_day(pairs: int = 50) -> Day:
    rng = np.random.default_rng(2)
    on_hand, demand = rng.gamma(2, 3, (2, pairs))
    net = on_hand - demand
    rows = (
        np.zeros(pairs),
        on_hand,
        demand,
        np.minimum(on_hand, demand),
        np.maximum(-net, 0),
        np.maximum(net, 0),
    )
    return Day(*(jnp.asarray(x, jnp.float32) for x in rows))


@pytest.mark.usefixtures("strict_ranks")
def test_soft_stockout_becomes_exact_as_its_width_shrinks() -> None:
    day = random_day()
    exact = is_stockout(day, jnp.ones(50))
    distance = [
        float(jnp.abs(soft_stockout(day, jnp.float32(w)) - exact).mean()) for w in (3.0, 0.3, 0.03, 1e-4)
    ]
    assert distance == sorted(distance, reverse=True)
    assert distance[0] > 0.05 and distance[-1] < 1e-3


@pytest.mark.usefixtures("strict_ranks")
def test_soft_stockout_by_hand() -> None:
    day = Day(*(jnp.array([x]) for x in (0.0, 4.0, 5.0, 4.0, 1.0, 0.0)))
    assert float(soft_stockout(day, jnp.float32(0.5))[0]) == pytest.approx(
        1 / (1 + np.exp(-2))
    )  # (5 - 4) / 0.5
    scaled = day_cost(day, jnp.array([2.0]), Prices(1.0, 0.0, 0.0, 0.0, 0.25), Objective(), soft=True)
    assert float(scaled[0]) == pytest.approx(1 / (1 + np.exp(-2)))  # width 0.25 days of 2 units


@pytest.mark.usefixtures("strict_ranks")
@pytest.mark.parametrize("stock", [0.0, 1e-6, 5.0, 1e6])
def test_soft_objective_has_a_finite_gradient(stock: float) -> None:
    def cost(on_hand: Any) -> Any:
        net = on_hand - 5.0
        day = Day(
            net * 0, on_hand, net * 0 + 5, jnp.minimum(on_hand, 5), jnp.maximum(-net, 0), jnp.maximum(net, 0)
        )
        return day_cost(day, jnp.array([0.01]), prices(Objective(width=1e-3)), Objective(), soft=True).sum()

    assert np.isfinite(jax.grad(cost)(jnp.array([stock]))).all()


def test_orders_are_counted_on_measured_days_only() -> None:
    measured_days = np.array([[[False]], [[True]]])
    episode = make_episode(np.zeros((2, 1, 1)), 0, [[0.0]], measured=measured_days)
    sums = summed(episode, np.array([[5.0], [3.0]]))
    assert (sums.ordered[0], sums.orders[0], sums.days[0]) == (3, 1, 1)
    assert place_orders(episode, [[5.0], [3.0]]).order[:, 0].tolist() == [5, 3]
