"""Forecasters: what they make of a plain season, that they look back only, and the file they write."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from builders import make_panel, poisson_panel

from invrl import registry
from invrl.cli import main
from invrl.config.schema import Data, Supply
from invrl.demand.supply import with_supply
from invrl.forecasters import boosting
from invrl.forecasters.past import Past
from invrl.forecasters.rolling import plan
from invrl.sources.files import read_panel, write_panel
from invrl.sources.forecasts import with_forecasts

WEEK = np.array([1.0, 2, 3, 4, 5, 6, 7])
HORIZON = 9


def at(name: str, panel, origin: int, horizon: int = HORIZON, **fields) -> dict[str, np.ndarray]:
    past = Past(panel, horizon, (0.9,), first=20)
    return registry.get("forecaster", name)(past, (20, origin))(origin)


@pytest.mark.parametrize("name", ["seasonal_average", "seasonal_naive"])
def test_a_plain_season_goes_on(name):
    panel = make_panel(np.tile(WEEK, 10)[:, None] * [100.0, 300.0])
    found = at(name, panel, 44)[""]
    np.testing.assert_allclose(found, np.resize(np.roll(WEEK, -44), HORIZON)[:, None] * [100, 300], rtol=0.02)


def test_weeks_have_a_season_of_a_year():
    week = np.arange(157)
    season = 2 + np.sin(2 * np.pi * week / 52.1775)
    panel = replace(make_panel(season[:, None] * np.ones(30)), step="week", start=np.datetime64("2021-04-12"))
    for name, close in (("seasonal_average", 0.12), ("seasonal_naive", 0.05)):
        found = at(name, panel, 120)[""]
        np.testing.assert_allclose(found, season[120:129, None] * np.ones(30), rtol=close)


@pytest.mark.parametrize("name", ["seasonal_average", "seasonal_naive", "boosting"])
def test_nothing_looks_ahead(name, monkeypatch):
    if name == "boosting":
        pytest.importorskip("sklearn")
        monkeypatch.setattr(boosting, "ROWS", 300)
        monkeypatch.setitem(boosting.SETTINGS, "max_iter", 4)
    panel = poisson_panel(60, 5, ahead={"promo": np.zeros((60, 5), np.float32)})
    later = panel.demand.copy()
    later[35:] = np.random.default_rng(1).poisson(50, later[35:].shape)
    one, two = (at(name, replace(panel, demand=demand), 35) for demand in (panel.demand, later))
    for part, values in one.items():
        assert values.shape == (HORIZON, 5) and (values >= 0).all() and np.isfinite(values).all()
        np.testing.assert_array_equal(values, two[part])


def test_masked_days_are_no_days_without_demand_and_closed_days_have_none():
    demand = np.full((50, 2), 10.0)
    demand[30:40, 0] = 0
    in_stock = np.ones((50, 2), np.float32)
    in_stock[30:40, 0] = 0
    opened = np.ones((50, 2), bool)
    opened[45] = False
    panel = make_panel(demand, in_stock=in_stock, open=opened)
    found = at("seasonal_average", panel, 42)[""]
    np.testing.assert_allclose(found[[0, 1, 2, 4]], 10, rtol=0.05)
    assert (found[3] == 0).all()


def test_the_plan_ends_on_the_day_to_come():
    panel = with_supply(poisson_panel(60, 5), Supply(lead_time="9", review_period="7"))
    assert plan(panel, 7, 0, 0) == ((25, 32, 39, 46, 53, 60), 7, 9 + 7 + 6)
    assert plan(panel, 0, 30, 10)[1:] == (1, 30)


def test_the_command_writes_what_training_reads(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    panel = poisson_panel(50, 3)
    write_panel(panel, "p.parquet")
    monkeypatch.setattr(
        sys, "argv", ["invrl", "data", "forecast", "p.parquet", "--out", "f.csv", "--every", "5"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert (
        stop.value.code == 0 and "7 origins, one every 5 days, 21 days from each" in capsys.readouterr().err
    )
    own = with_forecasts(with_supply(read_panel("p.parquet"), Supply()), Data(forecasts=("f.csv",))).forecasts
    assert list(own) == ["seasonal_average", "seasonal_naive"]
    assert np.isfinite(own["seasonal_average"][20:]).all() and np.isnan(own["seasonal_average"][:20]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "prophet"], "no forecaster `prophet`"),
        (["--quantiles", "50"], "not between 0 and 1"),
        (["--first", "400"], "--first 400: no such day"),
        (["--every", "-1"], "at least 1"),
        (["--models", "boosting"], "needs scikit-learn"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    write_panel(poisson_panel(50, 3), "p.parquet")
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    monkeypatch.setattr(sys, "argv", ["invrl", "data", "forecast", "p.parquet", "--out", "f.parquet", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    line = capsys.readouterr().err
    assert stop.value.code == 2 and message in line and "hint: " in line
    assert not (tmp_path / "f.parquet").exists()
