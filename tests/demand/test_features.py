"""Features against a slow reference, and that none of them looks ahead."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import floats, make_experiment, make_panel

from invrl.config.schema import Features
from invrl.demand.features import GROUPS, Known, features, fit_normaliser
from invrl.demand.panel import Panel
from invrl.demand.quantiles import Z_NODES
from invrl.demand.smoothing import VARIANTS
from invrl.errors import InvrlError

DAYS, PAIRS, PERIOD, WEEKDAY = 60, 4, 3, 2
LEAD_TIME = np.array([0, 2, 5, 9])
REVIEWS = np.arange(0, 57, PERIOD)[:, None] + np.array([0, 0, 1, 2])  # [C, N]
ROWS = {
    "recent": 4, "yesterday": 1, "forecast": 2, "calendar": 2, "today": 2, "coming": 2, "supply": 4,
    "level": 1, "season": 2, "static": 1, "smoothed": len(VARIANTS), "quantiles": len(Z_NODES),
}  # fmt: skip
"""Rows of each group, with two columns known ahead and one static."""


def known(seed: int = 0) -> Known:
    rng = np.random.default_rng(seed)
    demand = rng.gamma(1.0, 1.0, (DAYS, PAIRS)) * (rng.random((DAYS, PAIRS)) < 0.7)
    ahead = rng.normal(size=(DAYS, 2, PAIRS))
    scale, spread = np.array([0.5, 1.0, 5.0, 40.0]), np.array([1.0, 1.0, 3.0, 10.0])
    static = rng.normal(size=(1, PAIRS))
    return Known(*(jnp.asarray(x, jnp.float32) for x in (demand, ahead, static, scale, spread)))


TRAILING = Features(level="trailing")


@partial(jax.jit, static_argnums=3)
def compute(known: Known, review: Any, lead_time: Any, config: Features) -> Any:
    return features(known, review, lead_time, PERIOD, (WEEKDAY, 7.0), config)


def group(name: str, config: Features | None = None, at: Known | None = None) -> np.ndarray:
    """The rows [C, rows, N] of one group; all groups are computed, so that few programs are compiled."""
    config = replace(config or TRAILING, groups=tuple(ROWS))
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    rows = np.asarray(compute(at or known(), REVIEWS, lead_time, config)[0])
    assert rows.shape == (len(REVIEWS), sum(ROWS.values()), PAIRS)
    first = sum(count for other, count in ROWS.items() if list(ROWS).index(other) < list(ROWS).index(name))
    return rows[:, first : first + ROWS[name]]


# ---- slow references, one pair and one day at a time ---------------------------------------


def trailing(demand: np.ndarray, day: int, days: int) -> float:
    """Mean of the last days that exist, with one more day at the pair's mean (1)."""
    seen = [demand[t] for t in range(max(day - days, 0), day)]
    return (sum(seen) + 1.0) / (len(seen) + 1)


def expected(demand: np.ndarray, day: int, when: int) -> float:
    """What a coming day `when` is expected to sell: the same weekday in the past four weeks."""
    level = trailing(demand, day, 28)
    total = 0.0
    for week in range(1, 5):
        weekday = day - 7 * week + (when - day) % 7
        total += demand[weekday] if day - 7 * week >= 0 else level
    return total / 4


def forecast(demand: np.ndarray, day: int, ahead: int, length: int) -> float:
    """Whole weeks at the trailing mean, the days beyond them by weekday."""
    rest = [expected(demand, day, day + ahead + j) for j in range(length % 7)]
    return (length // 7 * 7 * trailing(demand, day, 28) + sum(rest)) / length


def slow(cell: Any) -> np.ndarray:
    """[C, N] of cell(demand [T] of the pair, review day, lead time, pair)."""
    demand = np.asarray(known().demand, np.float64)
    rows = [
        [cell(demand[:, i], int(REVIEWS[c, i]), int(LEAD_TIME[i]), i) for i in range(PAIRS)]
        for c in range(len(REVIEWS))
    ]
    return np.array(rows)


MEAN = Features(level="mean")
LEVEL = slow(lambda d, t, lead, i: trailing(d, t, 28))


def test_recent_demand() -> None:
    def sd(d: np.ndarray, t: int, lead: int, i: int) -> float:
        return math.sqrt(max(trailing(d * d, t, 28) - trailing(d, t, 28) ** 2, 0))

    rows = [
        slow(lambda d, t, lead, i: trailing(d, t, 7)),
        LEVEL,
        slow(lambda d, t, lead, i: d[t - 1] if t > 0 else 1.0),
        slow(sd),
    ]
    np.testing.assert_allclose(
        group("recent"), np.stack([row / LEVEL for row in rows], 1), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(
        group("recent", MEAN), np.stack(rows, 1), rtol=1e-4, atol=1e-4
    )  # in days of mean demand


def test_window_lengths_come_from_the_config() -> None:
    rows = group("recent", Features(short=2, long=5, level="mean"))
    np.testing.assert_allclose(rows[:, 0], slow(lambda d, t, lead, i: trailing(d, t, 2)), rtol=1e-4)
    np.testing.assert_allclose(rows[:, 1], slow(lambda d, t, lead, i: trailing(d, t, 5)), rtol=1e-4)


def test_forecasts() -> None:
    near = slow(lambda d, t, lead, i: forecast(d, t, 0, max(lead, 1)))
    far = slow(lambda d, t, lead, i: forecast(d, t, lead, PERIOD))
    np.testing.assert_allclose(group("forecast", MEAN)[:, 0], near, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(group("forecast", MEAN)[:, 1], far, rtol=1e-4, atol=1e-5)


def test_forecast_of_a_weekly_pattern_is_the_pattern() -> None:
    week = jnp.arange(7.0)
    at = known()._replace(demand=jnp.tile(week[np.arange(DAYS) % 7], (PAIRS, 1)).T)
    far = np.asarray(group("forecast", MEAN, at)[:, 1])
    week = np.asarray(week)
    for c in range(10, len(REVIEWS)):  # from day 30 on, four weeks are known
        for i in range(PAIRS):
            days = REVIEWS[c, i] + LEAD_TIME[i] + np.arange(PERIOD)
            assert far[c, i] == pytest.approx(week[days % 7].mean(), rel=1e-4)


def test_calendar() -> None:
    angle = 2 * np.pi * ((REVIEWS + WEEKDAY) % 7) / 7
    np.testing.assert_allclose(group("calendar"), np.stack([np.sin(angle), np.cos(angle)], 1), atol=1e-5)


def test_known_ahead_columns() -> None:
    columns = np.asarray(known().ahead)
    today, coming = group("today"), group("coming")
    for c in range(len(REVIEWS)):
        for i, t in enumerate(REVIEWS[c]):
            np.testing.assert_allclose(today[c, :, i], columns[t, :, i], rtol=1e-5)
            protection = columns[t : t + LEAD_TIME[i] + PERIOD, :, i]  # cut where the panel ends
            np.testing.assert_allclose(coming[c, :, i], protection.mean(0), rtol=1e-3, atol=1e-4)


def test_the_shrunk_rate_lies_between_the_trailing_mean_and_the_mean() -> None:
    """By hand: 28 days and (cv / 0.5)^2 days of the mean; steady demand keeps its trailing mean."""
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    rate = np.asarray(compute(known(), REVIEWS, lead_time, Features())[2]) / known().scale
    seen = np.clip(REVIEWS, 1, 28)
    prior = np.asarray((known().spread / known().scale / 0.5) ** 2)
    np.testing.assert_allclose(rate, (seen * LEVEL + prior) / (seen + prior), rtol=1e-4)
    steady = known()._replace(spread=jnp.zeros(PAIRS))
    found = compute(steady, REVIEWS, lead_time, Features())[2] / known().scale
    np.testing.assert_allclose(found, LEVEL, rtol=1e-4)


DISCOUNTED = Features(level="discounted", long=5)


def test_the_discounted_rate_weighs_the_last_days_most_and_the_mean_of_the_past() -> None:
    """By hand: weights exp(-2 / 5) a day, and 1 + (cv / 0.5)^2 days of the mean of 40 days."""
    at, lead_time = known(), np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    rate = np.asarray(compute(at, REVIEWS, lead_time, DISCOUNTED)[2]) / at.scale
    for c, i in ((0, 0), (3, 1), (18, 3)):
        t, past = REVIEWS[c, i], np.asarray(at.demand)[: REVIEWS[c, i], i]
        weight = np.exp(-0.4 * np.arange(t, 0, -1))
        prior = 1 + float(at.spread[i] / at.scale[i] / 0.5) ** 2
        expected = (weight @ past + prior * trailing(np.asarray(at.demand)[:, i], t, 40)) / (
            weight.sum() + prior
        )
        np.testing.assert_allclose(rate[c, i], expected, rtol=1e-4)
    steady = at._replace(demand=jnp.ones_like(at.demand))
    np.testing.assert_allclose(
        compute(steady, REVIEWS, lead_time, DISCOUNTED)[2], at.scale + 0 * rate, rtol=1e-5
    )


def test_the_level_is_told_from_the_middle_pair() -> None:
    found = group("level", TRAILING, known()._replace(typical=2.0))
    np.testing.assert_allclose(
        found[:, 0], np.log(LEVEL * np.asarray(known().scale) / 2.0) / 3.0, rtol=1e-3, atol=1e-4
    )


def test_the_season_says_how_demand_goes_on_behind_the_interval() -> None:
    """By hand: the index of the review period, and of four after it, against that of the whole interval."""
    index = 1 + 0.5 * np.sin(np.arange(200))
    at = known()._replace(season=jnp.asarray(index[:12], jnp.float32))  # months
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    rows = features(at, REVIEWS, lead_time, PERIOD, (0.0, 12.0), Features(groups=("season",)))[0]
    year = np.tile(index[:12], 20)
    for c, i in ((0, 0), (7, 2), (18, 3)):
        t, lead = REVIEWS[c, i], LEAD_TIME[i]
        rate = year[t : t + lead + PERIOD].mean()
        for row, first, days in ((0, lead, PERIOD), (1, lead + PERIOD, 4 * PERIOD)):
            mean = year[t + first : t + first + days].mean()
            np.testing.assert_allclose(rows[c, row, i], np.log(mean / rate), rtol=1e-3, atol=1e-5)


def test_regressors_and_level_are_units_a_day() -> None:
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    _, regressors, level = compute(known(), REVIEWS, lead_time, TRAILING)
    short = slow(lambda d, t, lead, i: trailing(d, t, 7))
    near = slow(lambda d, t, lead, i: forecast(d, t, 0, max(lead, 1)))
    far = slow(lambda d, t, lead, i: forecast(d, t, lead, PERIOD))
    expected = np.stack([short, LEVEL, near, far], 1) * known().scale
    np.testing.assert_allclose(regressors, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(level, LEVEL * known().scale, rtol=1e-4)


def test_every_group_has_its_rows_and_is_finite() -> None:
    assert set(ROWS) == set(GROUPS)
    assert all(np.isfinite(group(name)).all() for name in GROUPS)


def test_groups_come_in_the_order_of_the_config() -> None:
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    rows = compute(known(), REVIEWS, lead_time, Features(groups=("static", "calendar")))[0]
    np.testing.assert_array_equal(rows, np.concatenate([group("static"), group("calendar")], 1))


def test_unknown_group_is_refused_with_a_guess() -> None:
    with pytest.raises(InvrlError, match="no group `recnt`") as error:
        features(known(), REVIEWS, REVIEWS, PERIOD, (WEEKDAY, 7.0), Features(groups=("recnt",)))
    assert error.value.hint == "did you mean `recent`?"


# ---- nothing looks ahead ------------------------------------------------------------------


def all_rows(at: Known, level: Any = "shrunk") -> list[np.ndarray]:
    lead_time = np.broadcast_to(LEAD_TIME, REVIEWS.shape)
    return [np.asarray(x) for x in compute(at, REVIEWS, lead_time, Features(groups=tuple(ROWS), level=level))]


@pytest.mark.parametrize("level", ["shrunk", "discounted"])
@pytest.mark.parametrize("today", [1, 20, 41])
def test_demand_of_today_and_later_changes_no_feature(today: int, level: str) -> None:
    at = known()
    changed = np.array(at.demand)
    changed[today:] = 1000.0 * (1 + np.arange(DAYS - today))[:, None]
    other = at._replace(demand=jnp.asarray(changed))
    for before, after in zip(all_rows(at, level), all_rows(other, level), strict=True):
        decided = np.broadcast_to(
            (today >= REVIEWS).reshape(*REVIEWS.shape[:1], *[1] * (before.ndim - 2), -1), before.shape
        )
        assert np.array_equal(before[decided], after[decided])
        assert not np.array_equal(before[~decided], after[~decided])


def test_ahead_columns_are_read_to_the_end_of_the_protection_interval_only() -> None:
    at, first = known(), 30
    changed = np.array(at.ahead)
    changed[first:] += 7.0
    before, after = all_rows(at)[0], all_rows(at._replace(ahead=jnp.asarray(changed)))[0]
    unaware = first >= REVIEWS + LEAD_TIME + PERIOD
    for c, i in np.argwhere(unaware):
        assert np.array_equal(before[c, :, i], after[c, :, i])
    aware = (REVIEWS < 60 - 20) & (first < REVIEWS + LEAD_TIME + PERIOD)
    for c, i in np.argwhere(aware):
        assert not np.array_equal(before[c, :, i], after[c, :, i])


# ---- from the panel: scales, normalisation, padding ---------------------------------------

WORDS = (
    "split.history_days=14", "split.warmup_days=7", "split.validation_days=14", "split.test_days=14",
    "supply.review_period=3", "supply.lead_time=2",
    'features.groups=["recent","forecast","calendar","today","coming","supply","static"]',
)  # fmt: skip


def full_panel(**changes: Any) -> Panel:
    rng = np.random.default_rng(1)
    shape = (70, 3)
    columns: dict[str, Any] = {
        "demand": rng.poisson([2.0, 9.0, 30.0], shape),
        "ahead": {"promotion": rng.random(shape).astype(np.float32), "never": np.zeros(shape, np.float32)},
        "after": {"stockout_hours": rng.random(shape).astype(np.float32)},
        "static": {"margin": floats([0.1, 0.2, 0.6]), "category": np.array(["a", "b", "a"])},
    }
    return make_panel(**{**columns, **changes})


@pytest.fixture(scope="module")
def plain() -> Any:
    return make_experiment(full_panel(), *WORDS)


def episode(experiment: Any, part: str = "test") -> Any:
    (group,) = getattr(experiment, part).groups
    return jax.tree.map(lambda x: np.asarray(x[0]), group.episode)


def test_later_days_change_no_feature_of_earlier_reviews(plain: Any) -> None:
    today = plain.parts["test"].measure + 1
    demand, after = plain.panel.demand.copy(), plain.panel.after["stockout_hours"].copy()
    demand[today:] += 99.0
    after[today:] = -5.0
    changed = make_experiment(full_panel(demand=demand, after={"stockout_hours": after}), *WORDS)
    one, two = episode(plain), episode(changed)
    start = plain.parts["test"].start
    decided = start - start % 3 + 3 * np.arange(len(one.active)) <= today
    assert 0 < decided.sum() < len(decided)
    for name in ("features", "regressors", "demand_rate"):
        assert np.array_equal(getattr(one, name)[decided], getattr(two, name)[decided])
        assert not np.array_equal(getattr(one, name)[~decided], getattr(two, name)[~decided])
    for name in ("scale", "spread", "initial", "max_order", "max_position"):
        assert np.array_equal(getattr(one, name), getattr(two, name))


def test_features_do_not_depend_on_the_unit_of_demand(plain: Any) -> None:
    tenfold = make_experiment(full_panel(demand=10 * plain.panel.demand), *WORDS)
    one, ten = episode(plain, "train"), episode(tenfold, "train")
    np.testing.assert_allclose(ten.features, one.features, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ten.regressors, 10 * one.regressors, rtol=1e-4)


def test_columns_are_standardised_on_the_training_pairs_and_days(plain: Any) -> None:
    panel = plain.panel
    normaliser = fit_normaliser(panel, np.array([0, 2]), slice(0, 40), np.array([1.0, 7.0, 3.0]))
    promotion = panel.ahead["promotion"][:40][:, [0, 2]]
    np.testing.assert_allclose(normaliser.ahead_mean, [promotion.mean(), 0], rtol=1e-5)
    np.testing.assert_allclose(normaliser.ahead_sd, [promotion.std(), 1], rtol=1e-5)  # constant: only centred
    np.testing.assert_allclose(normaliser.static_mean, [0.35], rtol=1e-5)  # (0.1 + 0.6) / 2; text is left out
    np.testing.assert_allclose(normaliser.static_sd, [0.25], rtol=1e-5)
    assert normaliser.typical == 2.0  # the middle of 1 and 3


def test_weekday_of_the_panel_s_first_day() -> None:
    # 2024-01-03 is a Wednesday; the first review of the training days is day 14 + 1 = 15, a Thursday
    panel = full_panel(start=np.datetime64("2024-01-03", "D"))
    rows = episode(make_experiment(panel, *WORDS[:-1], 'features.groups=["calendar"]'), "train").features
    thursday = 2 * math.pi * 3 / 7
    first_active = 1  # day 12 lies before the window
    np.testing.assert_allclose(rows[first_active, :, 0], [math.sin(thursday), math.cos(thursday)], atol=1e-5)


def test_cycles_that_start_before_the_panel_are_finite() -> None:
    """A pair that first reviews on day 2 of 3 has a cycle from day -1 on, which is padding."""
    experiment = make_experiment(full_panel(), *WORDS, "split.history_days=0", "supply.first_review=2")
    one = episode(experiment, "train")
    assert not one.active[0].any()
    for name in ("features", "regressors", "demand_rate"):
        assert np.isfinite(getattr(one, name)).all(), name
    assert (one.demand_rate > 0).all()
