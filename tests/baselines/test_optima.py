"""Exact optima against published figures, hand-worked cases and each other."""

import csv
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from optima import (
    empirical_level,
    empirical_pmf,
    expected_cost,
    finite_horizon,
    newsvendor_cost,
    normal_cost,
    normal_level,
    poisson_base_stock,
    run_plan,
    uniform_pmf,
)
from optima_ar1 import ar1_bound, transition

from invrl.errors import InvrlError
from invrl.sources.paper import ar1, iid, independent, independent_low

GOLDEN = Path(__file__).parents[1] / "golden"
LAW = uniform_pmf(independent_low())


@pytest.fixture(scope="module")
def setting_1():
    return independent().demand


def test_pmf_by_hand():
    np.testing.assert_allclose(uniform_pmf(np.array([1, 0]), 2), [[0, 0.5, 0.5], [0.5, 0.5, 0]])
    counted = empirical_pmf(np.array([[0, 2.2, 2], [1, 1, 0.4]]))
    np.testing.assert_allclose(counted, [[1 / 3, 0, 2 / 3], [1 / 3, 2 / 3, 0]])


def test_certain_demand_is_met_to_the_unit():
    plan = finite_horizon(np.tile([0.0, 1.0], (5, 1)))
    assert plan.value == pytest.approx(0.05)  # day 3 ends with day 4's unit: 0.1 over two measured days
    assert plan.levels[2] == 3  # the demand of days 2, 3 and 4
    assert np.isnan(plan.levels[[0, 1, 3, 4]]).all() and (plan.orders[[0, 1, 3, 4]] == 0).all()
    assert plan.orders[2][plan.inventory == -2].item() == 5
    np.testing.assert_allclose(run_plan(plan, np.ones((5, 2))), 0.05)


def test_one_decision_by_hand():
    # Demand 0 or 1; the order of day 2 serves days 2 and 3: 0, 1, 2 units with 1/4, 1/2, 1/4.
    # Level 2 leaves 1 unit on average (0.1); level 1 leaves and lacks 1/4 (0.25).
    plan = finite_horizon(np.full((4, 2), 0.5))
    assert plan.levels[2] == 2
    assert plan.value == pytest.approx(0.1)
    dear = finite_horizon(np.full((4, 2), 0.5), holding=0.6, penalty=0.4)
    assert dear.levels[2] == 1 and dear.value == pytest.approx(0.25)


def test_true_law_of_setting_1(setting_1):
    plan = finite_horizon(LAW)
    expected = [45, 42, 45, 36, 34, 23, 23, 30, 33, 42, 29, 30, 31, 30]
    assert plan.levels[2:29:2].tolist() == expected
    assert plan.value == pytest.approx(0.8543, abs=5e-5)
    assert expected_cost(plan, LAW) == pytest.approx(plan.value)
    cost = run_plan(plan, setting_1)
    parts = [cost[:10].mean(), cost[10:20].mean(), cost[20:].mean()]
    assert parts == pytest.approx([0.7761, 0.8789, 0.8592], abs=5e-5)
    assert cost[20:].std(ddof=1) / 10 == pytest.approx(0.0087, abs=5e-5)


def test_empirical_law_of_setting_1(setting_1):
    plan = finite_horizon(empirical_pmf(setting_1[:, :10]))
    assert plan.value == pytest.approx(0.8225, abs=5e-5)
    cost = run_plan(plan, setting_1)
    parts = [cost[:10].mean(), cost[10:20].mean(), cost[20:].mean()]
    assert parts == pytest.approx([0.7618, 0.8789, 0.8670], abs=5e-5)
    more = run_plan(finite_horizon(empirical_pmf(setting_1[:, :20])), setting_1)
    assert [more[:10].mean(), more[10:20].mean(), more[20:].mean()] == pytest.approx(
        [0.7761, 0.8754, 0.8667], abs=5e-5
    )


def test_expected_cost_is_the_mean_over_fresh_trajectories(setting_1):
    plan = finite_horizon(empirical_pmf(setting_1[:, :10]))
    cost = run_plan(plan, independent(fresh=20000).demand[:, 20:])
    assert expected_cost(plan, LAW) == pytest.approx(cost.mean(), abs=4 * cost.std() / 20000**0.5)
    assert expected_cost(plan, LAW) > finite_horizon(LAW).value


def test_inventory_table_must_hold_the_start():
    with pytest.raises(InvrlError, match="does not hold 0"):
        finite_horizon(LAW, inventory=(10, 200))


def test_backlog_optima_match_the_known_table():
    rows = list(csv.DictReader((GOLDEN / "backlog_optima.csv").open()))
    assert len(rows) == 16
    for row in rows:
        best = poisson_base_stock(float(row["mean"]), int(row["L"]), float(row["p"]))
        assert best.level == int(row["S"])
        assert best.cost == pytest.approx(float(row["optimal"]), abs=1e-6)
        assert best.mean_inventory == pytest.approx(float(row["mean_end_inventory"]), abs=1e-6)
        assert best.mean_backlog == pytest.approx(float(row["mean_backlog"]), abs=1e-6)
        assert best.stockout_rate == pytest.approx(float(row["stockout_rate"]), abs=1e-6)


def test_base_stock_with_rare_reviews_agrees_with_simulation():
    best = poisson_base_stock(2.0, 1, penalty=9.0, review_period=3)
    demand = np.random.default_rng(0).poisson(2.0, (4, 200_000))
    net = best.level - np.cumsum(demand, axis=0)[1:]  # ends of the three days that one order serves
    costs = [newsvendor_cost(net + shift, 1.0, 9.0).mean() for shift in (-1, 0, 1)]
    assert costs[1] == pytest.approx(best.cost, rel=0.01) and costs[1] == min(costs)
    assert (net <= 0).mean() == pytest.approx(best.stockout_rate, abs=0.005)


def test_levels_of_setting_4_match_the_paper():
    panel = iid()
    demand, sigma = panel.demand[3::2], panel.static["sigma"]
    levels = normal_level(100, sigma[10:]), empirical_level(demand[:, :10], sigma[:10], sigma[10:])
    cost = [newsvendor_cost(level - demand[:, 10:], 0.1, 0.9).mean(axis=0) for level in levels]
    assert cost[0].mean() == pytest.approx(2.36687, abs=5e-5)  # the paper rounds z to 1.282
    assert cost[1].mean() == pytest.approx(3.31511, abs=5e-6)
    by_sigma = [c.reshape(5, 100).mean(axis=1) for c in cost]
    assert by_sigma[0] == pytest.approx([1.778, 3.492, 2.858, 2.424, 1.282], abs=6e-4)
    assert by_sigma[1] == pytest.approx([1.823, 3.627, 5.627, 3.920, 1.579], abs=6e-4)


def test_expected_newsvendor_cost_agrees_with_sampling():
    level, demand = normal_level(100, 10.0), np.random.default_rng(0).normal(100, 10, 400_000)
    assert newsvendor_cost(level - demand, 0.1, 0.9).mean() == pytest.approx(normal_cost(10.0), rel=0.01)


def test_transition_keeps_mass_and_mean():
    phi, mu, sigma = np.array([0.5]), np.array([8.0]), np.array([4.0])
    step = np.array([0.25])
    kernel = transition(phi, mu, sigma, step, 160)[0]
    grid = 0.25 * np.arange(161)
    np.testing.assert_allclose(kernel.sum(axis=1), 1, atol=1e-12)
    assert kernel.min() > -1e-12
    mean, normal = 0.5 * grid + 4, NormalDist()
    kept = [m * normal.cdf(m / 4) + 4 * normal.pdf(m / 4) for m in mean]  # E max(0, N(m, 4))
    np.testing.assert_allclose((kernel @ grid)[:100], kept[:100], atol=1e-4)


def test_ar1_bound_without_memory_is_a_base_stock():
    # phi = 0 and hardly any demand at 0: levels serve 2 and 3 days of N(20, 3) demand, the same each cycle.
    many = np.ones(100)
    served = [NormalDist(20 * k, 3 * k**0.5) for k in (2, 3)]

    def cost(level):
        parts = []
        for total in served:
            z = (level - total.mean) / total.stdev
            lack = total.stdev * (NormalDist().pdf(z) - z * (1 - NormalDist().cdf(z)))
            parts.append(0.1 * (level - total.mean) + lack)
        return np.mean(parts)

    exact = min(cost(level) for level in np.arange(40, 80, 0.01))
    demand = np.random.default_rng(0).normal(20, 3, (31, 100))
    bound = ar1_bound(demand, 20 * many, (0 * many, 20 * many, 3 * many), points=60)
    np.testing.assert_allclose(bound.expected, exact, rtol=5e-3)
    assert bound.realised.mean() == pytest.approx(exact, abs=3 * bound.realised.std() / 10)


def test_ar1_bound_of_the_papers_test_set():
    panel = ar1().take(np.arange(10, 110))
    law = tuple(panel.static[name] for name in ("phi", "mu", "sigma"))
    bound = ar1_bound(panel.demand, panel.after["x"][0], law, points=40)
    assert bound.expected.mean() == pytest.approx(2.281, rel=4e-3)  # 2.2806 by extrapolation in the grid
    assert bound.realised.mean() == pytest.approx(2.230, abs=0.005)
    assert bound.realised.mean() < 2.3085  # DS trained on these very trajectories, law unknown
    gap = bound.realised - bound.expected
    assert abs(gap.mean()) < 3 * gap.std() / 10
    two = panel.take(np.array([63, 64]))  # on either side of a block's edge
    alone = ar1_bound(two.demand, two.after["x"][0], tuple(v[63:65] for v in law), points=40)
    np.testing.assert_allclose(alone.expected, bound.expected[63:65])
    np.testing.assert_allclose(alone.realised, bound.realised[63:65])
