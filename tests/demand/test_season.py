"""The season of the year: found in two years of noisy weeks, absent in one, and blind to later weeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from builders import make_panel

from invrl.demand import season

WEEKS, PAIRS = 130, 60
TRUTH = 1 + 0.6 * np.sin(2 * np.pi * np.arange(WEEKS) / (365.2425 / 7))


def weekly(level: float = 4.0, weeks: int = WEEKS):
    rng = np.random.default_rng(0)
    demand = rng.poisson(level * rng.lognormal(0, 0.5, PAIRS) * TRUTH[:weeks, None])
    return make_panel(demand, step="week", start=np.datetime64("2021-01-01"))


def test_the_season_is_found() -> None:
    found = season.fit_season(weekly(), np.arange(PAIRS), slice(0, WEEKS))
    found = found[:: season.FINE][:52]
    assert np.abs(found - TRUTH[:52]).max() < 0.3
    assert np.corrcoef(found, TRUTH[:52])[0, 1] > 0.97


def test_no_season_is_made_of_noise_or_of_a_single_year() -> None:
    rng = np.random.default_rng(1)
    flat = make_panel(rng.poisson(0.3, (WEEKS, 5)), step="week")
    assert np.abs(season.fit_season(flat, np.arange(5), slice(0, WEEKS)) - 1).max() < 0.25
    assert season.fit_season(weekly(), np.arange(PAIRS), slice(0, 75)).size == 0
    assert season.fit_season(replace(weekly(), step="day"), np.arange(PAIRS), slice(0, WEEKS)).size == 0


def test_the_season_knows_no_unit_and_nothing_later() -> None:
    panel = weekly()
    found = season.fit_season(panel, np.arange(PAIRS), slice(0, 110))
    scaled = replace(panel, demand=panel.demand * np.float32(1e-3))
    later = np.where(np.arange(WEEKS)[:, None] < 110, panel.demand, 50).astype(np.float32)
    for other in (scaled, replace(panel, demand=later)):
        assert np.allclose(season.fit_season(other, np.arange(PAIRS), slice(0, 110)), found, rtol=1e-4)


def test_a_feast_moves_between_two_weeks_as_the_calendar_does() -> None:
    """Sales of two weeks about the 10th of May; the fourth year lies between those it was learned from."""
    start, weeks = np.datetime64("2021-01-04"), 3 * 52 + 30
    days = start + np.arange(7 * weeks)
    feast = np.char.find(days.astype(str), "-05-1") >= 0  # the 10th to the 19th
    truth = (4 + 8.0 * feast).reshape(weeks, 7).mean(1)
    demand = np.random.default_rng(0).poisson(10 * truth[:, None], (weeks, 50))
    known = 3 * 52
    found = season.fit_season(make_panel(demand, step="week", start=start), np.arange(50), slice(0, known))
    cycle = 365.2425 / 7
    index = np.asarray(season.laid_out(found, 3 / 7, cycle, weeks))[known:weeks]
    assert np.corrcoef(index, truth[known:])[0, 1] > 0.95
    assert index.argmax() == truth[known:].argmax()


def test_the_mean_of_the_coming_days() -> None:
    index = np.arange(10.0)
    found = season.coming(index, np.array([[2, 0]]), np.array([[3, 1]]))
    assert np.asarray(found).tolist() == [[3.0, 0.0]]
