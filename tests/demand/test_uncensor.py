"""Estimates of demand from sales: worked by hand, and against demand that is known."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, poisson_panel

from invrl.demand import uncensor
from invrl.demand.uncensor import Fit, estimate_demand, fit_rates, posterior_rate, share_in_stock, uncensored
from invrl.demand.uncensor_check import added_by, added_demand, check_methods, cut_clean_days
from invrl.errors import InvrlError
from invrl.sources.files import read_panel, write_panel


def retail_panel(days: int = 84, pairs: int = 120):
    """Weekly season, promotions that double demand, and days that vary more than Poisson."""
    rng = np.random.default_rng(0)
    promo = (rng.random((days, pairs)) < 0.2).astype(np.float32)
    season = 1 + 0.4 * np.sin(np.arange(days) * 2 * np.pi / 7)[:, None]
    mean = rng.lognormal(2.0, 0.7, pairs) * season * (1 + promo)
    demand = rng.poisson(mean * rng.gamma(8, 1 / 8, mean.shape))
    return make_panel(demand, ahead={"promo": promo})


def cut_by_stock(panel, seed: int = 1):
    """(sales, share): on some days the stock is about a part of the pair's mean, and sells out."""
    rng = np.random.default_rng(seed)
    demand = panel.demand.astype(int)
    stock = rng.poisson(demand.mean(0) * rng.uniform(0.2, 1.5, demand.shape))
    out = (stock < demand) & (rng.random(demand.shape) < 0.5)
    time = np.where(stock > 0, rng.beta(np.maximum(stock, 1), np.maximum(demand - stock + 1, 1)), 0)
    return np.where(out, stock, demand).astype(np.float32), np.where(out, time, 1).astype(np.float32)


def test_the_days_rate_by_hand():
    """(r + S) / (r / m + e) = (2 + 3) / (2 / 4 + 0.5) = 5: 2.5 units are lost of 5.5; scaling says 6."""
    fit = Fit(np.full((1, 1), 4.0, np.float32), 2.0)
    rate = posterior_rate(fit, np.array([[3.0]]), np.array([[0.5]]))
    assert rate[0, 0] == pytest.approx(5.0)
    rigid = posterior_rate(fit._replace(shape=1e9), np.array([[3.0]]), np.array([[0.5]]))
    loose = posterior_rate(fit._replace(shape=1e-9), np.array([[3.0]]), np.array([[0.5]]))
    assert (rigid[0, 0], loose[0, 0]) == (pytest.approx(4.0), pytest.approx(6.0))


def test_full_days_are_left_alone_and_scaling_scales(monkeypatch):
    panel = make_panel([[4, 6], [3, 1], [0, 5]])
    share = np.array([[1.0, 1.0], [0.5, 0.2], [1.0, 0.8]], np.float32)
    monkeypatch.setattr(uncensor, "fit_rates", lambda *_: Fit(np.full((3, 2), 4.0, np.float32), 2.0))
    scaled = estimate_demand(panel, share, "instock")
    below_floor = 1 + 0.8 * (2 + 1) / (2 / 4 + 0.2)
    np.testing.assert_allclose(scaled, [[4, 6], [6, below_floor], [0, 6.25]], rtol=1e-6)
    model = estimate_demand(panel, share, "model")
    np.testing.assert_allclose(model[[0, 2], 0], [4, 0])
    assert model[1, 0] == pytest.approx(5.5)
    assert model[2, 1] == pytest.approx(5 + 0.2 * 7 / (0.5 + 0.8))


def test_rates_are_those_that_drew_the_sales():
    """Pairs, days and a promotion, seen through shares in stock: the mean sales are rate x share."""
    rng = np.random.default_rng(3)
    promo = (rng.random((84, 60)) < 0.3).astype(np.float32)
    pair, day = rng.uniform(20, 60, 60), rng.uniform(0.7, 1.3, 84)
    rate = pair * day[:, None] * (1 + promo)
    share = rng.choice([0.3, 0.6, 1.0], rate.shape).astype(np.float32)
    panel = make_panel(rng.poisson(rate * share), ahead={"promo": promo})
    fit = fit_rates(panel, panel.demand, share)
    assert np.abs(fit.rate / rate - 1).mean() < 0.04  # the promotion alone is worth 1
    assert fit.shape > 100  # plain Poisson: no variation beyond


def test_the_shape_is_that_of_the_days_variation():
    rng = np.random.default_rng(4)
    rate = np.full((84, 300), 30.0) * rng.gamma(5, 1 / 5, (84, 300))
    panel = make_panel(rng.poisson(rate))
    fit = fit_rates(panel, panel.demand, np.ones_like(panel.demand))
    assert fit.shape == pytest.approx(5.0, rel=0.1)


def test_a_pair_without_sales_and_one_never_in_stock():
    demand = np.ones((30, 3), np.float32) * [0, 4, 4]
    share = np.ones((30, 3), np.float32) * [1, 1, 0]
    panel = make_panel(demand * (share > 0))
    estimate = estimate_demand(panel, share, "model")
    np.testing.assert_array_equal(estimate[:, :2], demand[:, :2])
    assert np.isfinite(estimate).all() and (estimate[:, 2] > 0).all()


def test_tobit_finds_the_mean_behind_a_constant_stock():
    """Poisson demand of mean 50 and a stock of 50: half the days are cut, sales average 47.2."""
    rng = np.random.default_rng(5)
    demand = rng.poisson(50, (100, 200)).astype(np.float32)
    panel = make_panel(np.minimum(demand, 50))
    share = np.where(demand > 50, np.nan, 1).astype(np.float32)
    estimate = estimate_demand(panel, share, "tobit")
    assert panel.demand.mean() < 47.5
    assert estimate.mean() == pytest.approx(50, abs=0.5)
    assert (estimate >= panel.demand).all()
    np.testing.assert_array_equal(estimate[demand <= 50], demand[demand <= 50])


def test_the_model_beats_scaling_and_scaling_beats_the_sales():
    panel = retail_panel()
    sales, share = cut_by_stock(panel)
    cut = share < 1
    assert 0.2 < cut.mean() < 0.5
    observed = replace(panel, demand=sales)
    error = {name: estimate_demand(observed, share, name) - panel.demand for name in ("instock", "model")}
    error["sales"] = sales - panel.demand
    mae = {name: np.abs(x[cut]).mean() for name, x in error.items()}
    assert mae["model"] < 0.95 * mae["instock"] < 0.5 * mae["sales"]
    assert abs(error["model"].sum()) < 0.02 * panel.demand.sum() < -error["sales"].sum()
    total = [panel.demand.sum(), (panel.demand + error["model"]).sum()]
    assert total[1] == pytest.approx(total[0], rel=0.02)


def test_drawn_demand_is_whole_and_as_variable_as_demand():
    panel = retail_panel()
    sales, share = cut_by_stock(panel)
    observed = replace(panel, demand=sales)
    mean = estimate_demand(observed, share, "model")
    drawn = estimate_demand(observed, share, "model", seed=7)
    np.testing.assert_array_equal(drawn, np.rint(drawn))
    np.testing.assert_array_equal(drawn, estimate_demand(observed, share, "model", seed=7))
    assert (drawn != estimate_demand(observed, share, "model", seed=8)).any()
    np.testing.assert_array_equal(drawn[share == 1], sales[share == 1])
    assert drawn.mean() == pytest.approx(mean.mean(), rel=0.01)
    within = [(x - x.mean(0)).std() for x in (panel.demand, drawn, mean)]
    assert within[2] < within[1]
    assert within[1] == pytest.approx(within[0], rel=0.05)


def test_the_check_finds_what_it_should():
    panel = retail_panel()
    sales, share = cut_by_stock(panel)
    found = check_methods(replace(panel, demand=sales), share, share == 1)
    rows = {(row["design"], row["estimate"]): row for row in found}
    assert len(rows) == 12
    for design in ("hours", "sellout"):
        assert rows[design, "model"]["MAE"] < rows[design, "instock"]["MAE"] < rows[design, "sales"]["MAE"]
        assert rows[design, "sales / share"]["MAE"] > rows[design, "instock"]["MAE"]
        assert rows[design, "sales"]["bias"] == -rows[design, "sales"]["MAE"]
        assert rows[design, "model, drawn"]["spread"] > rows[design, "model"]["spread"]
    assert abs(rows["hours", "instock"]["bias 0.7-0.9"]) < 0.2  # unbiased where the clock stops the sales


def test_cut_days_keep_the_rest():
    panel = poisson_panel(60, 20)
    share = np.where(np.arange(60)[:, None] % 3 == 0, 0.5, 1.0) * np.ones((60, 20))
    for design in ("hours", "sellout"):
        cut = cut_clean_days(panel, share.astype(np.float32), share == 1, design, seed=1)
        assert not (cut.hit & (share < 1)).any()
        np.testing.assert_array_equal(cut.panel.demand[~cut.hit], panel.demand[~cut.hit])
        np.testing.assert_array_equal(cut.truth, panel.demand)
        assert (cut.panel.demand <= panel.demand).all() and (cut.share[cut.hit] <= 1).all()
    with pytest.raises(InvrlError, match="no day with a partial stockout"):
        cut_clean_days(panel, np.ones((60, 20), np.float32), np.ones((60, 20), bool), "hours")


def test_added_demand_by_hand():
    sales = np.array([[4.0, 2.0], [1.0, 0.0]])
    estimate = np.array([[4.0, 4.0], [4.0, 0.0]])
    share = np.array([[1.0, 0.5], [0.2, np.nan]])
    rows = {row["in stock"]: row for row in added_demand(sales, estimate, share)}
    assert list(rows) == ["all day", "part of the day", "0.5-0.7", "0.0-0.3", "in all"]
    assert rows["0.5-0.7"]["added (% of sales)"] == pytest.approx(100)
    assert rows["0.0-0.3"]["of all added (%)"] == pytest.approx(60)
    assert rows["in all"]["added (% of sales)"] == pytest.approx(100 * 5 / 7)
    assert rows["part of the day"]["added (% of sales)"] is None
    panel = make_panel(estimate, static={"kind": np.array(["x", "y"])}, start=np.datetime64("2024-01-02"))
    by_kind = added_by(panel, sales, "kind", share)
    assert [row["name"] for row in by_kind] == ["y", "x"]  # most added first
    assert by_kind[0]["cut days (%)"] == 100 and by_kind[1]["estimate a day"] == 4
    assert [row["name"] for row in added_by(panel, sales, "weekday", share)] == ["Tue", "Wed"]


def test_share_from_each_kind_of_column():
    after = {"in": np.full((2, 1), 0.25, np.float32), "out": np.array([[4.0], [40.0]], np.float32)}
    panel = make_panel([[1], [2]], after=after)
    assert share_in_stock(panel, share="in")[0, 0] == 0.25
    np.testing.assert_allclose(share_in_stock(panel, hours="out", open_hours=16)[:, 0], [0.75, 0])
    assert np.isnan(share_in_stock(panel, stockout="out")).all()
    for words, message in (({}, "no columns say"), ({"share": "in", "hours": "out"}, "2 columns say")):
        with pytest.raises(InvrlError, match=message):
            share_in_stock(panel, **words)
    with pytest.raises(InvrlError, match="no column `inn`") as error:
        share_in_stock(panel, share="inn")
    assert error.value.hint == "did you mean `in`?"


@pytest.mark.parametrize("method", ["instock", "model", "tobit"])
def test_days_after_those_learned_from_change_no_earlier_estimate_nor_each_other(method: str) -> None:
    panel = retail_panel(days=84, pairs=20)
    sales, share = cut_by_stock(panel)
    later = sales.copy()
    later[70:] = 9 * later[70:] + 5
    one, two = (estimate_demand(replace(panel, demand=x), share, method, days=60) for x in (sales, later))
    np.testing.assert_array_equal(one[:70], two[:70])
    every = estimate_demand(replace(panel, demand=later), share, method)
    assert (every[:60] != two[:60]).any()
    cut = share[60:] < 1
    assert (one[60:][cut] > sales[60:][cut]).mean() > 0.9  # what was learned is worth something later


@pytest.mark.parametrize(
    ("share", "fields", "message"),
    [
        (1.5, {}, "share in stock of S0@W on 2024-01-01 is 1.5"),
        (np.nan, {}, "`model` must know which share"),
        (0.5, {"method": "guess"}, "no method `guess`"),
        (0.5, {"floor": 0.0}, "floor = 0"),
        (0.5, {"method": "instock", "seed": 1}, "`instock` cannot draw"),
    ],
)
def test_what_cannot_be_done_is_refused(share, fields, message):
    panel = make_panel([[1.0], [2.0]])
    with pytest.raises(InvrlError, match=message):
        uncensored(panel, np.full((2, 1), share, np.float32), **fields)


def test_the_file_keeps_the_sales_and_says_what_it_is(invrl, tmp_path):
    pytest.importorskip("pyarrow")
    panel = retail_panel(days=56, pairs=20)
    sales, share = cut_by_stock(panel)
    observed = replace(panel, demand=sales, after={"instock_share": share}, knowledge="censored")
    write_panel(observed, tmp_path / "sales.parquet")

    def uncensor(*words: str) -> str:
        typed = invrl("data", "uncensor", *words)
        return f"{typed.code}: {typed.err}"

    assert "next: invrl train --data demand.parquet" in uncensor("sales.parquet", "--out", "demand.parquet")
    found = read_panel(tmp_path / "demand.parquet")
    assert found.knowledge == "uncensored"
    np.testing.assert_array_equal(found.after["sales"], sales)
    expected = estimate_demand(observed, share, "model", days=26)  # without 15 days to validate, 15 to test
    np.testing.assert_allclose(found.demand, expected, rtol=1e-6)
    assert "2: error: demand.parquet exists already" in uncensor("sales.parquet", "--out", "demand.parquet")
    assert "2: error: this panel is uncensored already" in uncensor("demand.parquet", "--out", "more.parquet")
    assert "2: error: nowhere to write" in uncensor("sales.parquet")
    assert "2: error: no class `day`" in uncensor("sales.parquet", "--by", "day", "--out", "other.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demand.parquet", "sales.parquet"]
