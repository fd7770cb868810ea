"""The paper's settings against its described draws, and stationary demand against its law."""

import csv
from pathlib import Path

import numpy as np
import pytest

from invrl.errors import InvrlError
from invrl.sources.paper import ar1, iid, independent, independent_low, lost_sales

LOW = "11 9 12 16 9 9 16 13 8 12 8 8 10 2 3 7 5 11 6 4 15 9 10 4 7 10 5 11 7 8 7"
SETTINGS = (independent, ar1, iid)
GOLDEN = Path(__file__).parents[1] / "golden"


def test_low_vector_of_setting_1():
    assert independent_low().tolist() == [int(x) for x in LOW.split()]


def test_independent_repeats_scalar_draws_in_trajectory_then_day_order():
    rng, low = np.random.default_rng(42), independent_low()
    expected = [[rng.integers(d, d + 5) for d in low] for _ in range(120)]
    panel = independent()
    np.testing.assert_array_equal(panel.demand.T, expected)
    assert panel.demand.dtype == np.float32


def test_paper_panels_have_the_papers_supply():
    for source, days, pairs in ((independent, 31, 120), (ar1, 31, 110), (iid, 7, 510)):
        panel = source()
        assert panel.demand.shape == (days, pairs)
        assert panel.regressors.shape == (days, 4, pairs)
        assert panel.sku[[0, -1]].tolist() == ["T0000", f"T0{pairs - 1}"]
        assert set(panel.warehouse) == {"W0"}
        assert set(panel.lead_time) == {1} and set(panel.review_period) == {2}
        assert set(panel.first_review) == {2} and set(panel.initial_stock) == {0}


def test_feature_of_setting_1_counts_reviews():
    x = independent().ahead["x"]
    assert x[:, 0].tolist() == [t // 2 for t in range(31)]
    assert (x == x[:, :1]).all()


def test_regressors_by_hand():
    panel = independent()
    demand, out = panel.demand[:, 0].astype(float), panel.regressors[:, :, 0]
    assert out[0, :2].tolist() == [0, 0]  # no day before the first
    assert out[1, :2].tolist() == [demand[0], demand[0]]
    assert out[10, 0] == pytest.approx(demand[3:10].mean())  # short before long, as everywhere
    assert out[10, 1] == pytest.approx(demand[:10].mean())
    assert out[30, 1] == pytest.approx(demand[2:30].mean())
    legacy = np.random.RandomState(42)
    legacy.normal(10, 4, 31)
    near, far = legacy.normal(0, 3, (2, 120, 31))[:, 0]
    assert out[10, 2] == pytest.approx(demand[5:12].mean() + near[10], rel=1e-5)
    assert out[0, 2] == pytest.approx(demand[:2].mean() + near[0], rel=1e-5)
    assert out[30, 2] == pytest.approx(demand[25:].mean() + near[30], rel=1e-5)
    assert out[28, 3] == pytest.approx(demand[2:30].mean() + far[28], rel=1e-5)


def test_ar1_repeats_scalar_draws_parameters_first():
    legacy, panel = np.random.RandomState(42), ar1()
    for i in range(3):
        phi, mu, sigma = legacy.uniform(0.3, 0.9), legacy.uniform(5, 10), legacy.uniform(2, 8)
        demand = [max(legacy.normal(mu, sigma), 0)]
        for _ in range(38):
            demand.append(max(phi * demand[-1] + (1 - phi) * mu + legacy.normal(0, sigma), 0))
        np.testing.assert_allclose(panel.demand[:, i], demand[8:], rtol=1e-6)
        np.testing.assert_allclose(panel.after["x"][:, i], demand[7:-1], rtol=1e-6)
        assert panel.regressors[0, 1, i] == pytest.approx(np.mean(demand[:8]), rel=1e-6)
        assert [panel.static[k][i] for k in ("phi", "mu", "sigma")] == pytest.approx([phi, mu, sigma])
    assert panel.demand.max() == pytest.approx(38.77, abs=0.005)  # the largest in the paper's files


def test_iid_has_demand_on_arrival_days_only():
    panel = iid(cycles=4)
    assert panel.days == 11
    assert (panel.demand[[0, 1, 2, 4, 6, 8, 10]] == 0).all() and (panel.demand[3::2] > 0).all()


def test_iid_holds_each_sigma_in_turn():
    panel = iid()
    sigma = panel.static["sigma"]
    np.testing.assert_allclose(sigma[:5], [10.618, 19.261, 15.980, 13.980, 7.340], atol=5e-4)
    np.testing.assert_array_equal(sigma, np.concatenate([sigma[:5], sigma[:5], np.repeat(sigma[:5], 100)]))
    np.testing.assert_array_equal(panel.ahead["x"], np.broadcast_to(sigma, (7, 510)))
    first = 100 + sigma[0] * np.random.default_rng(42).standard_normal(2)
    np.testing.assert_allclose(panel.demand[[3, 5], 0], first, rtol=1e-6)


@pytest.mark.parametrize("source", SETTINGS)
def test_fresh_trajectories_replace_the_test_part_only(source):
    paper, large = source(), source(fresh=2000)
    known = paper.pairs - (500 if source is iid else 100)
    assert large.pairs == known + 2000
    for name in ("demand", "regressors"):
        ours, theirs = getattr(large, name), getattr(paper, name)
        np.testing.assert_array_equal(ours[..., :known], theirs[..., :known])
        assert not np.array_equal(ours[..., known : paper.pairs], theirs[..., known:])
    again = large.demand[5, known : 2 * known] == large.demand[5, :known]
    assert not again.all()  # the fresh stream does not start over
    assert large.fingerprint() == source(fresh=2000).fingerprint()


def test_fresh_trajectories_follow_the_same_law():
    fresh = independent(fresh=5000).demand[:, 20:]
    low = independent_low()[:, None]
    assert (fresh >= low).all() and (fresh <= low + 4).all()
    np.testing.assert_allclose(fresh.mean(axis=1), low[:, 0] + 2, atol=0.1)  # 5 s.e. = 0.1
    law = ar1(fresh=5000).take(np.arange(10, 5010)).static
    assert (law["phi"].min(), law["phi"].max()) == pytest.approx((0.3, 0.9), abs=0.01)
    assert law["sigma"].mean() == pytest.approx(5, abs=0.13)


@pytest.mark.parametrize("source", (*SETTINGS, lost_sales))
def test_the_seed_makes_the_panel(source):
    assert source(seed=7).fingerprint() == source(seed=7).fingerprint() != source(seed=8).fingerprint()


@pytest.mark.parametrize(("law", "variance"), [("poisson", 5.0), ("geometric", 30.0)])
def test_stationary_demand_follows_its_law(law, variance):
    demand = lost_sales(pairs=500, days=200, distribution=law, mean=5).demand
    assert demand.mean() == pytest.approx(5, abs=0.07)  # s.e. 0.017 at most
    assert demand.var() == pytest.approx(variance, rel=0.06)
    assert demand.min() == 0 and (demand == np.rint(demand)).all()


def test_stationary_demand_carries_its_supply():
    panel = lost_sales(pairs=3, days=4, lead_time=2, review_period=5)
    assert panel.lead_time.tolist() == [2, 2, 2] and panel.review_period.tolist() == [5, 5, 5]


@pytest.mark.parametrize(("lead_time", "penalty"), [("1", "4"), ("4", "9")])
def test_base_stock_costs_what_is_known_on_lost_sales_demand(lead_time, penalty):
    rows = csv.DictReader((GOLDEN / "lost_sales_optima.csv").open())
    row = next(r for r in rows if r["L"] == lead_time and r["p"] == penalty)
    lead, level = int(lead_time), int(row["base_stock_S"])
    panel = lost_sales(pairs=2000, days=130, lead_time=lead, seed=3)
    pipeline, cost = np.zeros((lead + 1, panel.pairs)), np.zeros(panel.days)
    pipeline[0] = level
    for t, demand in enumerate(panel.demand):
        pipeline[lead] += level - pipeline.sum(axis=0)
        left = np.maximum(pipeline[0] - demand, 0)
        cost[t] = (left + float(penalty) * np.maximum(demand - pipeline[0], 0)).mean()
        pipeline = np.concatenate([left[None] + pipeline[1:2], pipeline[2:], np.zeros((1, panel.pairs))])
    assert cost[30:].mean() == pytest.approx(float(row["base_stock"]), rel=0.01)


@pytest.mark.parametrize(
    ("source", "options", "name"),
    [
        (independent, {"train": 0}, "train"),
        (independent, {"fresh": -1}, "fresh"),
        (ar1, {"days": 4}, "days"),
        (ar1, {"seed": -1}, "seed"),
        (iid, {"test": 501}, "test"),
        (iid, {"cycles": 0}, "cycles"),
        (lost_sales, {"mean": 0.0}, "mean"),
        (lost_sales, {"pairs": 2.5}, "pairs"),
        (lost_sales, {"review_period": 0}, "review_period"),
        (lost_sales, {"lead_time": True}, "lead_time"),
        (lost_sales, {"distribution": "poison"}, "distribution"),
    ],
)
def test_bad_options_are_named(source, options, name):
    with pytest.raises(InvrlError, match=f"`{name}`"):
        source(**options)
