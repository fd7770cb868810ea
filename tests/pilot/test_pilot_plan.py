"""Simulated pilots with a known effect, and plans of pilots to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from invrl.errors import InvrlError
from invrl.pilot.planning import Draws, Question, plan, trials, window_changes
from invrl.pilot.simulation import Process, Trial, agreement, autoregressive, process_trial, simulate
from invrl.pilot.table import PilotTable, dense_table


def test_analysis_recovers_a_known_effect():
    for row in simulate(process_trial(Process(pairs=100)), 200, seed=2):
        assert abs(row["bias"]) < 4 * row["bias_error"]
        assert row["mean_error"] == pytest.approx(row["spread"], rel=0.2)
        # 200 replications: 95 % and 5 % have simulation errors of 1.5 points
        assert 90 <= row["coverage"] <= 99.5
        assert row["pretrend_rejects"] <= 11
        assert row["placebo_rejects"] <= 11


def test_few_treated_units_keep_their_coverage():
    for row in simulate(process_trial(Process(pairs=150, share=0.04)), 200, seed=4):
        assert row["coverage"] >= 89  # with G - 1 degrees of freedom it would be about 85


def test_staggered_pilots_are_recovered_too():
    stockout, turnover = simulate(process_trial(Process(pairs=90, waves=3)), 120, seed=5)
    assert abs(stockout["bias"]) < 4 * stockout["bias_error"]
    assert abs(turnover["bias"]) < 4 * turnover["bias_error"]
    assert turnover["power"] == 100


def test_hand_picked_pilots_look_better_than_they_are_and_are_found_out():
    stockout, turnover = simulate(process_trial(Process(pairs=200, picked="worst")), 40, seed=6)
    assert stockout["bias"] < -4
    assert stockout["coverage"] < 20
    assert stockout["pretrend_rejects"] > 90 and stockout["placebo_rejects"] > 90
    assert abs(turnover["bias"]) < 4 * turnover["bias_error"]


def test_any_maker_of_trials_can_be_simulated():
    def make(rng: np.random.Generator) -> Trial:
        start = np.where(rng.permutation(20) < 10, 30, -1)
        share = np.clip(0.5 + 0.1 * rng.standard_normal((60, 20)), 0, 1)
        share += 0.02 * (start >= 0) * (np.arange(60)[:, None] >= start)
        return Trial(dense_table(start, np.clip(share, 0, 1)), {"stockout": 2.0})

    (row,) = simulate(make, 60)
    assert row["outcome"] == "stockout"
    assert row["bias"] == pytest.approx(0, abs=0.3)


def test_untestable_trials_give_none_not_a_number():
    (stockout, _) = simulate(process_trial(Process(pairs=8, before=14, after=7)), 3)
    assert stockout["pretrend_rejects"] is None or 0 <= stockout["pretrend_rejects"] <= 100

    def short(rng: np.random.Generator) -> Trial:
        share = rng.random((4, 6))
        return Trial(dense_table(np.array([2, 2, 2, -1, -1, -1]), share), {"stockout": 0.0})

    (row,) = simulate(short, 3)
    assert row["pretrend_rejects"] is None and row["placebo_rejects"] is None


def test_closed_form_agrees_with_pyfixest():
    pytest.importorskip("pyfixest")
    assert agreement(process_trial(Process(pairs=40, waves=2))) < 1e-9


def test_process_has_the_effect_it_claims():
    rng = np.random.default_rng(0)
    with_effect = process_trial(Process(pairs=4000, stockout=-2.0, turnover=5.0))(rng).table
    after = with_effect.day >= with_effect.start[with_effect.treated][0]
    on = with_effect.treated[with_effect.unit]

    def mean(group: np.ndarray) -> float:
        return float(100 * np.asarray(with_effect.stockout)[group].mean())

    change = mean(on & after) - mean(on & ~after) - mean(~on & after) + mean(~on & ~after)
    assert change == pytest.approx(-2.0, abs=1.0)  # 3 errors of about 0.33
    noise = autoregressive(rng, 400, 200, 0.8)
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] == pytest.approx(0.8, abs=0.02)


def test_the_worst_are_picked():
    table = process_trial(Process(pairs=50, share=0.2, picked="worst"))(np.random.default_rng(0)).table
    flags = np.asarray(table.stockout).reshape(-1, 50)[28:56].mean(axis=0)
    assert flags[table.treated].min() >= flags[~table.treated].max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": 0.001}, "too few"),
        ({"share": 1.0}, "too few"),
        ({"waves": 4, "after": 40}, "the least"),
        ({"before": 7}, "the least"),
        ({"stockout": -5.0}, "leaves the range"),
        ({"persistence": 1.0}, "persistence 1 is not in"),
        ({"picked": "best"}, "no way of picking `best`"),
    ],
)
def test_impossible_processes_are_refused(change: dict, message: str):
    with pytest.raises(InvrlError, match=message):
        process_trial(Process(**change))


def test_impossible_simulations_are_refused():
    with pytest.raises(InvrlError, match="1 replications are too few"):
        simulate(process_trial(Process()), 1)
    with pytest.raises(InvrlError, match="negative stock"):
        simulate(process_trial(Process(turnover=-80.0)), 2)


# plans


def noise(units: int = 400, days: int = 120, seed: int = 0) -> PilotTable:
    """Independent days, sd 0.2: the change of means over 40 + 40 days has sd 20 x sqrt(2 / 40) points."""
    share = np.clip(0.5 + 0.2 * np.random.default_rng(seed).standard_normal((days, units)), 0, 1)
    return dense_table(np.full(units, -1), share)


def test_plan_agrees_with_the_power_formula():
    question = Question({"stockout": -2.0}, days=[40], before=40, replications=4000)
    (row,) = plan(noise(), question)
    sd = 19.85 * np.sqrt(2 / 40)  # the clipped normal has sd 0.1985
    # n = 2 (z + z)^2 sd^2 / effect^2 for a normal test, a little more for Student's
    assert row["pairs"] == pytest.approx(2 * (1.96 + 0.8416) ** 2 * sd**2 / 4, rel=0.08)
    assert row["power"] == pytest.approx(80, abs=3) and row["enough"] == "yes"
    assert row["false_alarms"] == pytest.approx(5, abs=1.5)
    assert row["detectable"] == pytest.approx(2.0, rel=0.05)


def test_more_pairs_and_days_find_more():
    question = Question({"stockout": 1.5}, days=[14, 56], pairs=[20, 100], before=56, replications=400)
    rows = plan(noise(), question)
    assert [(r["days"], r["pairs"]) for r in rows] == [(14, 20), (14, 100), (56, 20), (56, 100)]
    power = [r["power"] for r in rows]
    assert power[0] < power[1] < power[3] and power[0] < power[2] < power[3]
    detectable = [r["detectable"] for r in rows]
    assert detectable[0] / detectable[1] == pytest.approx(np.sqrt(5), rel=0.1)


def test_what_the_panel_holds_limits_the_plan():
    (row,) = plan(noise(60), Question({"stockout": -0.1}, days=[40], before=40, replications=200))
    assert (row["pairs"], row["controls"], row["enough"]) == (30, 30, "no")
    (row,) = plan(
        noise(60), Question({"stockout": -0.1}, days=[40], before=40, replications=200, controls=2, most=9)
    )
    assert (row["pairs"], row["controls"], row["enough"]) == (9, 18, "no")


def test_clusters_are_drawn_whole():
    table = noise(200)
    twins = dense_table(
        np.full(200, -1), np.repeat(np.asarray(table.stockout).reshape(120, 200)[:, :50], 4, axis=1)
    )
    question = Question({"stockout": -2.0}, days=[40], before=40, pairs=[80], replications=1000)
    alone = plan(twins, question)[0]
    together = plan(replace(twins, cluster=np.arange(200) // 4), question)[0]
    assert together["pairs"] == 80
    assert together["detectable"] / alone["detectable"] == pytest.approx(
        2, rel=0.1
    )  # four twins tell as much as one


def test_simulated_differences_have_welch_errors():
    draws = Draws(np.random.default_rng(0).normal(size=(1, 50)), np.ones(50), 1.0)
    value, error, freedom = trials(draws, 6, 6, 1, seed=3)[:, 0]
    rng = np.random.default_rng(3)
    rng.integers(1, size=(1, 1))
    one, two = (draws.total[0, rng.integers(50, size=6)] for _ in range(2))
    welch = stats.ttest_ind(one, two, equal_var=False)
    assert value == pytest.approx(one.mean() - two.mean())
    assert freedom == pytest.approx(welch.df)
    assert error == pytest.approx(abs(value / welch.statistic) * np.sqrt(12 / 11 * 5 / 6))


def test_window_changes_by_hand():
    stock = np.array([[2.0], [4], [6], [8], [10], [12]])
    sales = np.array([[1.0], [1], [2], [2], [0], [0]])
    table = dense_table(np.array([-1]), None, stock, sales)
    question = Question({"turnover": 1.0}, before=2, cap=50)
    # start days 2, 3, 4: before 3 / 1, 5 / 1.5, 7 / 2; after 7 / 2, 9 / 1, 11 / 0 -> the cap
    found = window_changes(table, "turnover", 2, question)
    np.testing.assert_allclose(found[:, 0], [3.5 - 3, 9 - 5 / 1.5, 50 - 3.5])
    late = window_changes(table, "turnover", 3, question._replace(washout=1))
    np.testing.assert_allclose(late[:, 0], [9 - 3, 50 - 5 / 1.5])


def test_units_with_gaps_are_left_out_of_the_plan():
    table = noise(40)
    holed = table.rows((table.unit > 3) | (table.day > table.day.min() + 60))
    question = Question({"stockout": -2.0}, days=[20], pairs=[10], before=20, replications=100)
    whole = table.rows(table.unit > 3)
    assert plan(holed, question)[0]["detectable"] == pytest.approx(
        plan(whole, question)[0]["detectable"], rel=0.1
    )
    with pytest.raises(InvrlError, match="0 units have days in all"):
        plan(table.rows(table.day % 40 > 25), Question({"stockout": -2.0}, days=[5], before=5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"effects": {}}, "no effect to look for"),
        ({"effects": {"stockout": 0.0}}, "an effect of 0"),
        ({"power": 1.0}, "power 1 is not between"),
        ({"controls": 0.0}, "a plan needs controls"),
        ({"replications": 10}, "100 replications"),
        ({"days": [90]}, "do not fit the panel's 120 days"),
        ({"washout": 28}, "end within the washout"),
        ({"most": 1}, "too few clusters"),
    ],
)
def test_impossible_plans_are_refused(change: dict, message: str):
    question = Question({"stockout": -1.0}, days=[28])._replace(**change)
    with pytest.raises(InvrlError, match=message):
        plan(noise(20), question)
