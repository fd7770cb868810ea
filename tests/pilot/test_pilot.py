"""Pilots: the effect and its error by hand and against other libraries, its checks, bad files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from invrl.errors import InvrlError
from invrl.pilot import reading, report
from invrl.pilot.comparison import balance, last_year, pilot_years, year_on_year
from invrl.pilot.contrast import Window, cells, closed_form, estimate
from invrl.pilot.regression import closed_form_events, effect, event_study, joint_p, placebo, placebo_shifts
from invrl.pilot.simulation import Process, process_trial
from invrl.pilot.table import PilotTable, date, dense_table, settle

pytest.importorskip("pyfixest")


def day(text: str) -> int:
    return int(np.datetime64(text, "D").astype(int))


def pilot(seed: int = 1, **process) -> PilotTable:
    return process_trial(Process(**process))(np.random.default_rng(seed)).table


# two days before and two after; units 0 and 1 treated, 2 and 3 controls
SMALL = np.array([[0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1]], float)


def small(**columns) -> PilotTable:
    return dense_table(np.array([2, 2, -1, -1]), SMALL, **columns)


def test_two_by_two_by_hand():
    # changes: treated 0.5 - 0 and 0 - 1, controls 0 and 1 - 0.5; effect (-0.25) - 0.25 = -0.5 -> -50 points
    # influences: +-0.75 / 2 and -+0.25 / 2; variance 4 / 3 x (2 x 0.375^2 + 2 x 0.125^2) = 0.41667
    part = cells(small(), "stockout", Window(bin=1))
    one = closed_form(small(), part)
    assert one.value == pytest.approx(-50)
    assert one.error == pytest.approx(100 * np.sqrt(4 / 3 * (2 * 0.375**2 + 2 * 0.125**2)))
    # v_treated = 0.28125, v_control = 0.03125: 1 / ((0.9)^2 + (0.1)^2)
    assert one.freedom == pytest.approx(1 / 0.82)
    by_regression, waves = effect(small(), part)
    assert by_regression.value == pytest.approx(-50)
    assert by_regression.error == pytest.approx(one.error)
    assert waves[0] == pytest.approx(by_regression)


def test_freedom_is_welch_where_groups_are_equal():
    table = pilot(pairs=40)
    part = cells(table, "stockout")
    change = [
        np.array([_side(part, u, True) - _side(part, u, False) for u in np.flatnonzero(group)])
        for group in (table.treated, ~table.treated)
    ]
    welch = stats.ttest_ind(*change, equal_var=False)
    one = closed_form(table, part)
    assert one.freedom == pytest.approx(welch.df)
    assert one.value == pytest.approx(change[0].mean() - change[1].mean())
    # CR1 has 40 / 39 where Welch has 20 / 19 in each group
    assert one.error == pytest.approx(abs(one.value / welch.statistic) * np.sqrt(40 / 39 * 19 / 20))


def _side(part, unit: int, after: bool) -> float:
    rows = (part.unit == unit) & ((part.bin >= 0) == after)
    return float(np.average(part.y[rows], weights=part.days[rows]))


@pytest.mark.parametrize("outcome", ["stockout", "turnover"])
@pytest.mark.parametrize("waves", [1, 3])
def test_regression_agrees_with_the_closed_form(outcome: str, waves: int):
    rng = np.random.default_rng(0)
    table = pilot(pairs=90, waves=waves)
    table = replace(table, weight=rng.uniform(1, 5, 90), cluster=rng.permutation(90) // 3)
    part = cells(table, outcome)
    ours, theirs = closed_form(table, part), effect(table, part)[0]
    assert ours == pytest.approx(theirs, rel=1e-9)
    by_hand, by_library = closed_form_events(table, part), event_study(table, part)
    np.testing.assert_array_equal(by_hand.bins, by_library.bins)
    np.testing.assert_allclose(by_hand.effect, by_library.effect, atol=1e-9)
    np.testing.assert_allclose(by_hand.error, by_library.error, rtol=1e-9)
    assert by_hand.pretrend == pytest.approx(by_library.pretrend, rel=1e-6)


def test_regression_is_daily_two_way_fixed_effects():
    # the same by least squares on dummies, day by day, weighted, error clustered by hand
    table = pilot(pairs=12, before=14, after=14)
    weight, cluster = np.random.default_rng(3).uniform(1, 4, 12), np.arange(12) // 2
    table = replace(table, weight=weight, cluster=cluster)
    treated, after = table.treated[table.unit], table.day >= table.start[table.treated][0]
    days = np.unique(table.day, return_inverse=True)[1]
    x = np.column_stack([treated & after, np.eye(12)[table.unit], np.eye(28)[days][:, 1:]]).astype(float)
    y, root = 100 * np.asarray(table.stockout), np.sqrt(weight[table.unit])
    beta = np.linalg.lstsq(x * root[:, None], y * root, rcond=None)[0]
    bread = np.linalg.inv((x * root[:, None]).T @ (x * root[:, None]))
    score = np.zeros((6, x.shape[1]))
    np.add.at(score, cluster[table.unit], x * (root**2 * (y - x @ beta))[:, None])
    variance = 6 / 5 * bread @ score.T @ score @ bread
    one = effect(table, cells(table, "stockout"))[0]
    assert one.value == pytest.approx(beta[0], rel=1e-9)
    assert one.error == pytest.approx(np.sqrt(variance[0, 0]), rel=1e-9)


def test_missing_days_are_weighted_not_dropped():
    table = pilot(pairs=30)
    gaps = table.rows(np.random.default_rng(0).random(len(table.day)) > 0.2)
    part = cells(gaps, "stockout")
    assert effect(gaps, part)[0].value == pytest.approx(closed_form(gaps, part).value, abs=0.3)
    assert closed_form_days(part) == len(gaps.day)


def closed_form_days(part) -> int:
    return int(part.days.sum())


def test_turnover_is_mean_stock_over_mean_sales_per_window():
    stock = np.array([[4, 6, 5, 5], [6, 6, 5, 5], [3, 6, 5, 5], [3, 6, 5, 5]], float)
    sales = np.array([[1, 0, 1, 1], [3, 4, 1, 1], [1, 2, 1, 1], [2, 2, 1, 1]], float)
    table = small(inventory=stock, sales=sales)
    part = cells(table, "turnover", Window(bin=2))
    # unit 0: 5 / 2 = 2.5 before, 3 / 1.5 = 2 after; unit 1: 6 / 2 = 3, then 6 / 2 = 3; controls stay at 5
    np.testing.assert_allclose(part.y, [2.5, 2, 3, 3, 5, 5, 5, 5])
    assert closed_form(table, part).value == pytest.approx(-0.25)
    assert part.capped == 0


def test_turnover_without_sales_is_the_cap_and_without_stock_zero():
    stock = np.array([[4, 6, 0, 5]] * 4, float)
    sales = np.array([[0, 3, 0, 1], [0, 3, 0, 1], [2, 3, 0, 1], [2, 3, 0, 1]], float)
    part = cells(small(inventory=stock, sales=sales), "turnover", Window(bin=2, cap=100))
    np.testing.assert_allclose(part.y, [100, 2, 2, 2, 0, 0, 5, 5])
    assert part.capped == 1


def growing(start: np.ndarray) -> PilotTable:
    """No noise; unit and day levels; the effect is 1 point in the first week, 2 in the second, ..."""
    days = np.arange(70)[:, None]
    week = (days - start) // 7 + 1
    on = (start >= 0) & (days >= start)
    level = 0.3 + 0.01 * np.arange(start.size) + 0.05 * np.sin(days / 9)
    return dense_table(start, level + 0.01 * np.where(on, week, 0))


def test_staggered_starts_with_growing_effects_are_not_biased():
    start = np.array([14] * 4 + [42] * 4 + [-1] * 6)
    table = growing(start)
    part = cells(table, "stockout", Window(lags=8))
    # wave 1 has weeks 1..8: 4.5 points; wave 2 weeks 1..4: 2.5; four units each
    found, waves = effect(table, part)
    assert [w.value for w in waves] == pytest.approx([4.5, 2.5])
    assert found.value == pytest.approx(3.5)
    events = event_study(table, part, Window(lags=8))
    assert dict(zip(events.bins.tolist(), events.effect, strict=True)) == pytest.approx(
        dict.fromkeys(range(-6, -1), 0.0) | {k: k + 1.0 for k in range(8)}, abs=1e-9
    )
    # the pooled two-way regression takes early starters as controls and misses the mark
    on = (table.day >= table.start[table.unit]).astype(float)
    days = np.unique(table.day, return_inverse=True)[1]
    x = np.column_stack([on, np.eye(14)[table.unit], np.eye(70)[days][:, 1:]])
    pooled = np.linalg.lstsq(x, 100 * np.asarray(table.stockout), rcond=None)[0][0]
    assert pooled < 3.0


def test_far_bins_are_pooled_and_the_washout_left_out():
    table = growing(np.array([35] * 4 + [-1] * 4))
    part = cells(table, "stockout", Window(washout=14))
    assert closed_form(table, part).value == pytest.approx((3 + 4 + 5) / 3)
    pooled = closed_form_events(table, cells(table, "stockout"), Window(leads=2, lags=3))
    assert pooled.bins.tolist() == [-2, 0, 1, 2]
    assert pooled.effect.tolist() == pytest.approx([0, 1, 2, (3 + 4 + 5) / 3])
    near = cells(table, "stockout", Window(before=7, after=7))
    assert closed_form(table, near).value == pytest.approx(1)
    assert near.days.sum() == 8 * 14


def test_the_last_wave_is_the_control_if_nobody_stays_untreated():
    table, remarks = settle(growing(np.array([14] * 4 + [42] * 4)))
    assert table.treated.tolist() == [True] * 4 + [False] * 4
    assert date(table.day.max()) == "2024-02-11"  # day 41
    assert closed_form(table, cells(table, "stockout")).value == pytest.approx(2.5)
    assert "last wave" in remarks[0]


def test_units_treated_from_their_first_day_are_left_out():
    table = growing(np.array([14] * 3 + [-1] * 3))
    table = table.rows((table.unit != 0) | (table.day >= table.start[0]))
    settled, remarks = settle(table)
    assert settled.treated.tolist() == [False, True, True, False, False, False]
    assert 0 not in settled.unit
    assert remarks == ["Left out: 1 treated unit without a day before the start."]


def test_joint_test_is_hotelling():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 3)) + np.array([0.5, 0, 0])
    gap = x.mean(0) - y.mean(0)
    pooled = (np.cov(x.T) * 11 + np.cov(y.T) * 11) / 22
    squared = gap @ np.linalg.solve(pooled * (1 / 12 + 1 / 12), gap)
    expected = stats.f.sf(squared * (24 - 3 - 1) / (22 * 3), 3, 20)  # the textbook two-sample form
    assert joint_p(gap, pooled / 6, 22) == pytest.approx(expected)
    one = estimate(0.7, 0.09, 11)
    assert joint_p(np.array([0.7]), np.array([[0.09]]), 11) == pytest.approx(one.p)
    assert np.isnan(joint_p(np.zeros(0), np.zeros((0, 0)), 11))
    assert np.isnan(joint_p(np.ones(12), np.eye(12), 11))
    assert np.isnan(joint_p(np.ones(2), np.ones((2, 2)), 11))


def test_placebo_dates_lie_before_the_start_and_use_no_later_day():
    table = growing(np.array([56] * 4 + [-1] * 4))
    assert placebo_shifts(table) == [14, 28, 42]
    assert placebo_shifts(table, Window(before=20)) == [5, 10, 15]
    assert placebo_shifts(growing(np.array([4, 4, -1, -1]))) == []
    found = placebo(table, "stockout")
    assert found[0][:2] == (14, "2024-02-12")
    assert [one.value for _, _, one in found] == pytest.approx([0, 0, 0], abs=1e-9)


def test_balance_by_hand():
    table = replace(
        small(), covariates={"price": np.tile([1.0, 3.0, 2.0, 2.0], 4), "kind": np.tile(["a", "b"], 8)}
    )
    rows = {row["before the pilot"]: row for row in balance(table)}
    assert list(rows) == ["stockout rate, %", "price", "kind = a", "kind = b"]
    # before: treated 0 and 100, controls 0 and 50; variances 2500 and 625
    assert rows["stockout rate, %"]["treated"] == 50
    assert rows["stockout rate, %"]["difference"] == pytest.approx(25 / np.sqrt((2500 + 625) / 2))
    assert rows["price"]["difference"] == 0
    assert rows["kind = a"]["treated"] == 50


def test_year_on_year_by_hand():
    assert date(last_year(day("2024-02-29"))) == "2023-02-28"
    assert date(last_year(day("2025-07-01"))) == "2024-07-01"
    stock = np.zeros((400, 3))
    sales = np.ones((400, 3))
    stock[0:2], stock[366:368] = [10, 20, 30], [8, 18, 22]
    table = dense_table(np.full(3, -1), None, stock, sales)
    first = day("2025-01-01")
    row = year_on_year(table, "turnover", first, first + 1)
    assert (row["units"], row["year before"], row["now"]) == (3, 20, 16)
    assert row["change"] == pytest.approx(-4)  # differences -2, -2, -8: mean -4, sd sqrt(12)
    half = stats.t.ppf(0.975, 2) * np.sqrt(12 / 3)
    assert (row["low"], row["high"]) == pytest.approx((-4 - half, -4 + half))
    assert row["percent"] == pytest.approx(-20)
    with pytest.raises(InvrlError, match="fewer than two clusters"):
        year_on_year(table, "turnover", first - 100, first - 90)
    with pytest.raises(InvrlError, match="longer than a year"):
        year_on_year(table, "turnover", first - 366, first + 1)
    with pytest.raises(InvrlError, match="holds no day"):
        year_on_year(table, "turnover", first, first - 1)


def test_year_on_year_of_a_pilot_needs_year_old_days():
    assert pilot_years(pilot(pairs=8)) == []
    rows = pilot_years(pilot(pairs=80, before=400))
    assert [(row["outcome"], row["group"]) for row in rows] == [
        ("stockout", "treated"), ("stockout", "control"), ("turnover", "treated"), ("turnover", "control"),
    ]  # fmt: skip
    assert rows[2]["change"] < -5 < rows[3]["change"]


def quiet_before(turnover: bool = True) -> PilotTable:
    """Nobody is out of stock before day 40; then 30 % of the treated days and 10 % of the controls'."""
    start = np.repeat([40, -1], 50)
    rng = np.random.default_rng(0)
    chance = np.where(start < 0, 0.1, 0.3) * (np.arange(80) >= 40)[:, None]
    flags = np.zeros((80, 100))
    for group in (start < 0, start >= 0):  # exactly the share of the days
        days = np.flatnonzero(np.broadcast_to(group & (np.arange(80) >= 40)[:, None], flags.shape))
        out = rng.choice(days, round(chance.ravel()[days].sum()), replace=False)
        flags.ravel()[out] = 1
    more = {"inventory": rng.gamma(9.0, 1.0, flags.shape), "sales": np.full(flags.shape, 2.0)}
    return dense_table(start, flags, **(more if turnover else {}))


def test_a_check_that_fails_does_not_take_the_estimate_down(monkeypatch: pytest.MonkeyPatch):
    found = report.analyse(quiet_before()).findings
    assert found["stockout"].effect.value == pytest.approx(20)
    assert [one.value for _, _, one in found["stockout"].placebo] == [0, 0, 0]
    assert abs(found["turnover"].effect.value) < 0.1

    def broken(*_: object):
        raise np.linalg.LinAlgError("singular")

    for name in ("event_study", "placebo", "pilot_years"):
        monkeypatch.setattr(report, name, broken)
    whole = report.analyse(quiet_before())
    assert whole.findings["stockout"].effect.value == pytest.approx(20)
    assert sum("could not be checked: singular" in line for line in reading.read(whole)) == 5
    json.dumps(report.document(whole, []), allow_nan=False)


def test_an_outcome_that_never_moves_does_not_take_the_other_down():
    table = quiet_before()
    assert table.stockout is not None
    still = replace(table, stockout=0 * table.stockout)
    whole = report.analyse(still)
    assert list(whole.findings) == ["turnover"]
    assert any("Stockout rate could not be compared" in line for line in reading.read(whole))
