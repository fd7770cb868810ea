"""The retail generator: what is known of its law, seen in the panels it makes."""

from datetime import date

import numpy as np
import pytest

from invrl.errors import InvrlError
from invrl.sources.retail import BLOCK_SKUS, retail

QUIET = {
    "intermittent": 0.0,
    "season": 0.0,
    "life_cycle": 0.0,
    "festivals": {},
    "promotions": 0.0,
    "shock": 0.0,
    "dispersion": 1e9,
}
"""Options that leave Poisson demand with a week and a slow trend."""


@pytest.fixture(scope="module")
def panel():
    return retail(pairs=5000, days=120)


def test_the_seed_makes_the_panel():
    same = [retail(pairs=300, days=40, seed=seed).fingerprint() for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_skus_are_in_several_distinct_warehouses(panel):
    assert panel.demand.shape == (120, 5000) and panel.demand.dtype == np.float32
    assert len(np.unique(panel.names)) == 5000
    assert len(np.unique(panel.warehouse)) == 20
    _, held = np.unique(panel.sku, return_counts=True)
    assert held.mean() == pytest.approx(10, abs=0.5) and held.max() <= 20
    shared = ("category", "supplier", "margin")
    for name in shared:
        assert len(set(zip(panel.sku, panel.static[name], strict=True))) == len(held)


def test_any_number_of_pairs_and_warehouses():
    for pairs, warehouses, held in ((1, 20, 10), (7, 20, 1), (23, 1, 1)):
        panel = retail(pairs=pairs, days=3, warehouses=warehouses, warehouses_per_sku=held)
        assert panel.pairs == pairs == len(np.unique(panel.names))
    full = retail(pairs=40, days=3, warehouses=4, warehouses_per_sku=4)
    assert np.unique(full.sku).size == 10


def test_demand_scale_has_a_heavy_tail(panel):
    mean = panel.demand.mean(axis=0)
    assert np.quantile(mean, 0.05) < 0.2 < 0.8 < np.median(mean) < 3 < 50 < np.quantile(mean, 0.99)
    top = np.sort(mean)[::-1]
    assert top[:500].sum() > 0.4 * top.sum()  # a tenth of the pairs sells nearly half


def test_quiet_demand_is_poisson():
    options = QUIET | {"demand_spread": 0, "median_demand": 4}
    ratio = {}
    for dispersion in (1e9, 1.0):
        demand = retail(pairs=2000, days=140, **options | {"dispersion": dispersion}).demand[
            ::7
        ]  # one weekday
        ratio[dispersion] = (demand.var(axis=0, ddof=1) / demand.mean(axis=0)).mean()
    assert ratio[1e9] == pytest.approx(1, abs=0.06)
    assert ratio[1.0] > 3


def test_median_demand_is_in_units_a_day():
    demand = retail(pairs=4000, days=28, median_demand=6, warehouses_per_sku=1, seed=1, **QUIET).demand
    assert np.median(demand.mean(axis=0)) == pytest.approx(6, rel=0.35)  # large warehouses hold more SKUs


def test_intermittent_demand_misses_most_days():
    options = QUIET | {"demand_spread": 0, "median_demand": 20}
    steady, rare = (retail(pairs=3000, days=60, **options | {"intermittent": s}).demand for s in (0.0, 1.0))
    assert (steady == 0).mean() < 0.01
    assert (rare == 0).mean() == pytest.approx(0.7, abs=0.06)  # sells on 10-50 % of the days
    assert rare.mean() == pytest.approx(steady.mean(), rel=0.1)


def test_festival_strength_by_hand():
    panel = retail(pairs=2, days=20, start="2024-06-10", festivals={"06-18": 2.0})
    expected = np.zeros(20)
    expected[5:15] = [0.2, 0.3, 0.6, 2.0, 0.8, 0.3, -0.1, -0.2, -0.2, -0.1]
    np.testing.assert_allclose(panel.ahead["festival"][:, 1], expected, rtol=1e-6)
    eve = retail(pairs=1, days=5, start=date(2023, 12, 28), festivals={"01-01": 1.0}).ahead["festival"][:, 0]
    np.testing.assert_allclose(eve, [0, 0.1, 0.15, 0.3, 1.0], rtol=1e-6)  # of the year that has not begun
    morrow = retail(pairs=1, days=2, start="2024-01-02", festivals={"12-31": 1.0}).ahead["festival"][:, 0]
    np.testing.assert_allclose(morrow, [0.15, -0.05], rtol=1e-6)


def test_festivals_lift_demand_by_the_lift():
    options = QUIET | {"festivals": {"06-18": 1.0}, "festival_lift": 4.0, "median_demand": 20}
    demand = retail(pairs=4000, days=29, start="2024-06-04", **options).demand
    sold = demand[:, demand.mean(axis=0) > 5]
    lift = sold[14] / ((sold[0] + sold[28]) / 2)  # against the same weekday, two weeks away
    assert np.median(lift) == pytest.approx(4, rel=0.1)


def test_promotions_lift_demand_and_last_3_to_7_days():
    options = QUIET | {"promotions": 0.5, "median_demand": 20, "warehouses_per_sku": 1}
    panel = retail(pairs=2000, days=90, **options)
    cut = panel.ahead["promotion"]
    assert cut.min() == 0 and cut[cut > 0].min() >= 0.1 and cut.max() <= 0.4
    assert (cut > 0).mean() == pytest.approx(1 - (1 - 0.5 / 30) ** 5, rel=0.1)  # 5 days on average
    assert (cut[0] > 0).mean() == pytest.approx((cut > 0).mean(), rel=0.25)  # some began before the panel
    edges = np.diff((cut > 0).astype(int), axis=0)
    lone = ((edges == 1).sum(axis=0) == 1) & ((edges == -1).sum(axis=0) == 1)
    runs = (edges == -1).argmax(axis=0)[lone] - (edges == 1).argmax(axis=0)[lone]
    runs = runs[runs > 0]  # begun and ended within the panel
    assert len(runs) > 200 and set(range(3, 8)) <= set(runs) and runs.min() == 3
    deep = panel.demand[cut > 0.3].mean() / panel.demand[cut == 0].mean()
    assert 1.8 < deep < 8


def test_market_signal_is_standard_persistent_and_only_as_good_as_said():
    options = QUIET | {"shock": 0.8, "median_demand": 50, "demand_spread": 0, "warehouses_per_sku": 1}
    correlation = {}
    for signal in (0.0, 0.5, 1.0):
        panel = retail(pairs=1500, days=100, signal=signal, persistence=0.8, **options)
        market = panel.ahead["market"]
        assert (market.mean(), market.std()) == pytest.approx((0, 1), abs=0.03)
        assert market[0].std() == pytest.approx(1, abs=0.08)  # stationary from the first day
        assert np.corrcoef(market[1:].ravel(), market[:-1].ravel())[0, 1] == pytest.approx(0.8, abs=0.02)
        assert np.corrcoef(market[7:].ravel(), market[:-7].ravel())[0, 1] == pytest.approx(0.8**7, abs=0.03)
        growth = np.log1p(panel.demand) - np.log1p(panel.demand).mean(axis=0)
        correlation[signal] = np.corrcoef(growth.ravel(), market.ravel())[0, 1]
    assert correlation[0.0] == pytest.approx(0, abs=0.03)
    assert correlation[1.0] > 0.9
    assert correlation[0.5] == pytest.approx(0.5 * correlation[1.0], abs=0.04)


def test_shocks_leave_mean_demand_alone():
    options = QUIET | {"persistence": 0.0, "median_demand": 5, "demand_spread": 0, "warehouses_per_sku": 1}
    calm, shaken = (retail(pairs=4000, days=60, **options | {"shock": s}).demand for s in (0.0, 0.8))
    assert shaken.mean() == pytest.approx(calm.mean(), rel=0.03)
    assert shaken.var(axis=0).mean() > 3 * calm.var(axis=0).mean()


def test_the_week_follows_the_calendar():
    options = QUIET | {"median_demand": 50, "demand_spread": 0}
    monday, thursday = (retail(pairs=500, days=84, start=f"2024-03-0{d}", **options).demand for d in (4, 7))
    weeks = [demand.reshape(12, 7, 500).sum(axis=0) for demand in (monday, np.roll(thursday, 3, axis=0))]
    shape = [week / week.mean(axis=0) - 1 for week in weeks]
    assert np.corrcoef(shape[0].ravel(), shape[1].ravel())[0, 1] > 0.9
    assert shape[0].std() > 0.08


def test_skus_of_one_block_do_not_repeat_in_the_next():
    panel = retail(pairs=2 * BLOCK_SKUS, days=30, warehouses_per_sku=1)
    market = panel.ahead["market"]
    assert not np.array_equal(market[:, :BLOCK_SKUS], market[:, BLOCK_SKUS:])


def test_some_skus_are_launched_and_some_fade():
    still = retail(pairs=3000, days=100, **QUIET | {"median_demand": 20}).demand
    moving = retail(pairs=3000, days=100, **QUIET | {"median_demand": 20, "life_cycle": 0.5}).demand
    for part, expected in ((slice(0, 20), 0.4), (slice(80, 100), 0.4)):
        silent = (moving[part].mean(axis=0) < 0.02 * moving.max(axis=0)).mean()
        assert 0.15 < silent < expected + 0.1
        assert (still[part].mean(axis=0) < 0.02 * still.max(axis=0)).mean() < 0.02


def test_suppliers_own_lead_times_and_reviews(panel):
    assert panel.lead_time.min() >= 1 and panel.lead_time.max() <= 14
    assert len(np.unique(panel.lead_time)) > 5
    assert panel.review_period is None and panel.weight is None
    supplied = retail(pairs=2000, days=5, review_periods=[1, 2, 7], review_shares=[0.0, 0.25, 0.75])
    supplier = supplied.static["supplier"]
    count = len(np.unique(supplier))
    assert len(set(zip(supplier, supplied.lead_time, supplied.review_period, strict=True))) == count
    assert set(supplied.review_period) == {2, 7}


def test_random_lead_times_vary_by_order_day_and_leave_demand_alone():
    fixed, varied = (retail(pairs=400, days=50, random_lead_time=random) for random in (False, True))
    np.testing.assert_array_equal(fixed.demand, varied.demand)
    assert varied.lead_time.shape == (50, 400)
    assert varied.lead_time.min() >= 1 and varied.lead_time.max() <= 14
    inner = (fixed.lead_time > 3) & (fixed.lead_time < 8)
    np.testing.assert_allclose(np.median(varied.lead_time[:, inner], axis=0), fixed.lead_time[inner], atol=1)
    assert (varied.lead_time[:, inner].std(axis=0) > 0.5).all()


def test_velocity_ranks_pairs_and_weights_are_rates_or_values(panel):
    names, counts = np.unique(panel.static["velocity"], return_counts=True)
    assert names.tolist() == ["A", "B", "C"]
    np.testing.assert_allclose(counts / 5000, [0.2, 0.3, 0.5], atol=0.005)
    sold = panel.demand.mean(axis=0)
    means = [sold[panel.static["velocity"] == name].mean() for name in names]
    assert means[0] > 3 * means[1] > 3 * means[2]
    rate, value = (retail(pairs=50, days=5, weights=kind) for kind in ("demand", "value"))
    np.testing.assert_allclose(value.weight, rate.weight * rate.price, rtol=1e-5)
    assert (rate.weight >= 1 / 30).all() and (rate.price > 0).all()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"pairs": 0}, "pairs"),
        ({"days": "120"}, "days"),
        ({"warehouses_per_sku": 21}, "warehouses_per_sku"),
        ({"persistence": 1.0}, "persistence"),
        ({"shock": float("nan")}, "shock"),
        ({"start": "2024-13-01"}, "start"),
        ({"start": "2024-03"}, "start"),
        ({"festivals": {"6.18": 1.0}}, "festivals"),
        ({"festivals": {"06": 1.0}}, "festivals"),
        ({"festivals": ["06-18"]}, "festivals"),
        ({"festivals": {"06-18": -1}}, "festivals.06-18"),
        ({"lead_time": 3}, "lead_time"),
        ({"lead_time": [5, 2]}, "lead_time[1]"),
        ({"random_lead_time": "yes"}, "random_lead_time"),
        ({"review_periods": [0]}, "review_periods"),
        ({"review_periods": [1, 2], "review_shares": [1.0]}, "review_shares"),
        ({"weights": "sales"}, "weights"),
    ],
)
def test_bad_options_are_named(options, name):
    with pytest.raises(InvrlError) as caught:
        retail(**{"pairs": 5, "days": 5} | options)
    assert f"`{name}`" in caught.value.message and caught.value.hint
