"""Files of own forecasts: what a review makes of them, that nothing looks ahead, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import make_experiment, poisson_panel
from pyarrow import csv, parquet

from invrl.cli import main
from invrl.config.schema import Data
from invrl.demand.forecasts import meaning
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.policies.heads import BOTH, RATES, with_forecasts
from invrl.sources.files import write_panel
from invrl.sources.forecasts import with_forecasts as read

DAYS, HORIZON = 40, 9
START = np.datetime64("2024-01-01")
PANEL = poisson_panel(
    DAYS, 4, sku=np.array(["A", "A", "B", "B"]), warehouse=np.array(["n", "s"] * 2),
    lead_time=np.array([1, 2, 3, 4]), review_period=np.full(4, 3), first_review=np.zeros(4, int),
)  # fmt: skip
COVER = np.array([4, 5, 6, 7])


def rows_of(origins: range, horizon: int = HORIZON) -> dict[str, np.ndarray]:
    """One row per origin, day ahead and pair; values that tell them apart."""
    origin, ahead, pair = (x.ravel() for x in np.meshgrid(origins, range(horizon), range(4), indexing="ij"))
    value = 100 * origin + 10 * ahead + pair
    return {
        "sku": PANEL.sku[pair], "warehouse": PANEL.warehouse[pair], "origin": START + origin,
        "date": START + origin + ahead, "good": value.astype(float), "good_q0.9": value + 6.0,
    }  # fmt: skip


def write(path: Path, rows: dict[str, np.ndarray]) -> str:
    (csv.write_csv if path.suffix == ".csv" else parquet.write_table)(pa.table(rows), path)
    return str(path)


def taken(path: str, panel: Panel = PANEL, **fields) -> dict[str, np.ndarray]:
    return read(panel, Data(forecasts=(path,), **fields)).forecasts


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_mean_over_what_an_order_must_last_by_hand(tmp_path, suffix):
    found = taken(write(tmp_path / f"f{suffix}", rows_of(range(4, DAYS, 3))))
    assert list(found) == ["good", "good_q0.9"]
    assert np.isnan(found["good"][:4]).all()  # no origin yet
    day, origin = 12, 10
    for pair, cover in enumerate(COVER):
        each = [100 * origin + 10 * (day + k - origin) + pair for k in range(cover)]
        assert found["good"][day, pair] == pytest.approx(np.mean(each))
        sum_of_quantiles = sum(each) + np.sqrt(cover) * 6  # independent days: deviations add up as squares
        assert found["good_q0.9"][day, pair] * cover == pytest.approx(sum_of_quantiles)


def test_origin_horizon_and_cutoff_say_the_same(tmp_path):
    rows = rows_of(range(4, DAYS))
    plain = taken(write(tmp_path / "plain.parquet", rows))["good"]
    names = np.char.add(np.char.add(rows["sku"], "@"), rows["warehouse"])
    nixtla = {
        "unique_id": names, "ds": rows["date"], "cutoff": rows["origin"] - 1, "y": rows["good"] * 9,
        "good": rows["good"],
    }  # fmt: skip
    path = write(tmp_path / "nixtla.csv", nixtla)
    found = taken(path, forecast_columns={"sku": "unique_id", "date": "ds"})
    assert list(found) == ["good"]  # the truth is no forecast
    np.testing.assert_array_equal(found["good"], plain)
    long = {name: np.repeat(rows[name], 2) for name in ("sku", "warehouse", "origin")}
    long["horizon"] = np.repeat((rows["date"] - rows["origin"]).astype(int) + 1, 2)
    long["model"] = np.array(["one", "two"] * len(names))
    long["mean"] = np.stack([rows["good"], 2 * rows["good"]], 1).ravel()
    long["q0.9"] = long["mean"]
    found = taken(write(tmp_path / "long.csv", long))
    assert list(found) == ["one", "one_q0.9", "two", "two_q0.9"]
    np.testing.assert_array_equal(found["one"], plain)
    np.testing.assert_allclose(found["two"], 2 * plain)
    found = taken(write(tmp_path / "long.csv", long), forecast_models=("two",))
    assert list(found) == ["two"]


def test_later_origins_change_nothing_before_them(tmp_path):
    rows = rows_of(range(2, DAYS, 2))
    rng = np.random.default_rng(0)
    for now in (5, 17, 30):
        later = rows["origin"] > START + now
        other = {**rows, "good": np.where(later, rng.uniform(0, 99, len(later)), rows["good"])}
        one, two = (taken(write(tmp_path / "f.parquet", r))["good"] for r in (rows, other))
        np.testing.assert_array_equal(one[: now + 1], two[: now + 1])
        assert not np.array_equal(one[now + 2 :], two[now + 2 :])


def test_targets_beyond_the_panel_may_miss(tmp_path):
    rows = rows_of(range(4, DAYS))
    inside = rows["date"] < START + DAYS
    found = taken(write(tmp_path / "f.csv", {name: x[inside] for name, x in rows.items()}))["good"]
    assert not np.isnan(found[4:]).any()
    assert found[DAYS - 1, 0] == 100 * (DAYS - 1)  # the one day that is there


def test_a_network_and_coefficients_see_them(tmp_path):
    path = write(tmp_path / "f.parquet", rows_of(range(9, DAYS)))
    words = ("split.history_days=6", "split.validation_days=6", "split.test_days=6", "split.warmup_days=2")
    plain, own = (make_experiment(PANEL, *words, *more) for more in ((), (f'data.forecasts=["{path}"]',)))
    one, two = (e.train.groups[0].episode for e in (plain, own))
    rows = two.features.shape[-2] - one.features.shape[-2]
    assert rows == 2 and two.forecasts.shape[-2] == 2
    np.testing.assert_array_equal(two.features[..., :-2, :], one.features)
    order = own.train.groups[0].index[0]
    seasonal = (two.regressors[0, 0, 2] * two.lead_time[0, 0] + two.regressors[0, 0, 3] * 3) / COVER[order]
    np.testing.assert_allclose(two.forecasts[0, 0, 0], seasonal, rtol=1e-6)  # day 6: no origin yet
    np.testing.assert_allclose(two.forecasts[0, 1, 0], own.panel.forecasts["good"][9][order])
    assert len(own.policy.start) == 7 and own.policy.inputs == plain.policy.inputs + 2
    both = with_forecasts(BOTH, ("a", "b"))
    assert both.coefficients == (*RATES, "a", "b") and both.start == (*BOTH.start, 0, 0)  # to be learned


@pytest.mark.parametrize(
    ("name", "stem", "level"),
    [
        ("LGBM", "LGBM", None), ("LGBM-hi-80", "LGBM", 0.9), ("LGBM-lo-90", "LGBM", 0.05), ("0.9", "", 0.9),
        ("q0.5", "", 0.5), ("gbm_q95", "gbm", 0.95), ("NHITS-median", "NHITS", 0.5), ("exp5", "exp5", None),
        ("TimeGPT-q-90", "TimeGPT", 0.9), ("p97.5", "", 0.975), ("seasonal_naive", "seasonal_naive", None),
    ],
)  # fmt: skip
def test_names_of_quantiles(name, stem, level):
    found = meaning(name)
    assert found.stem == stem
    assert (found.quantile is None) if level is None else found.quantile == pytest.approx(level)


ROWS = rows_of(range(4, DAYS))
LAST = ROWS["origin"] >= START + 20


def changed(**columns) -> dict[str, np.ndarray]:
    return {name: x for name, x in {**ROWS, **columns}.items() if x is not None}


def spoiled(name: str, value) -> dict[str, np.ndarray]:
    column = ROWS[name].astype(object)
    column[100] = value
    return changed(**{name: column})


MAP = "data.forecast_columns."
PAIR = "a pair that the panel does not have"
AGAIN = {name: np.append(x, x[100:101]) for name, x in ROWS.items()}
BAD = {
    "no sku": (changed(sku=None, item_id=ROWS["sku"]), "no column `sku`", f"{MAP}sku=item_id"),
    "no origin": (changed(origin=None, run=ROWS["origin"]), "no column `origin` or `cutoff`", "run"),
    "no target": (changed(date=None), "no column `date` or `horizon`", "horizon: 1, 2"),
    "no forecast": (changed(**{"good": None, "good_q0.9": None}), "no column of forecasts", "beside"),
    "not finite": (spoiled("good", np.nan), "`good` is", "fill the cell"),
    "negative": (spoiled("good", -1.0), "`good` is `-1`", "clip"),
    "text": (spoiled("good", "lots"), "`good` is `lots`, not a number", "decimal point"),
    "no day": (spoiled("date", "2024-02-31"), "`date` is `2024-02-31`, not a day", "2024"),
    "known day": (spoiled("date", "2024-01-01"), "a day that is known at its origin", "first day"),
    "unknown pair": (spoiled("sku", "Z"), f"`sku` is `Z` in n, {PAIR}", "A@n"),
    "names of one word": (changed(warehouse=None), PAIR, "several warehouses"),
    "repeat": (AGAIN, "has two forecasts of origin", "one row"),
    "short": (rows_of(range(4, DAYS), 6), "B@s must last 7 days from", "must reach 7 days"),
    "stops": ({k: x[~LAST] for k, x in ROWS.items()}, "(2024-01-20) ends too early", "more often"),
    "a pair misses": ({k: x[ROWS["sku"] == "A"] for k, x in ROWS.items()}, "B@n has no", "every pair"),
    "future": (rows_of(range(DAYS, DAYS + 3)), "every origin is later than 2024-02-09", "looks ahead"),
    "no horizon": (changed(date=None, horizon=np.zeros(len(LAST))), "`horizon` is `0`", "at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused(tmp_path, name):
    rows, message, hint = BAD[name]
    rows = {
        k: [str(v) if isinstance(v, np.datetime64) else v for v in x] if x.dtype == object else x
        for k, x in rows.items()
    }
    path = tmp_path / "f.csv"
    text = [",".join(rows), *(",".join(map(str, cells)) for cells in zip(*rows.values(), strict=True))]
    path.write_text("\n".join(text) + "\n")
    with pytest.raises(InvrlError) as error:
        taken(str(path))
    assert message in error.value.message and hint in error.value.hint and "\n" not in error.value.message


def test_the_command_line_says_it_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_panel(PANEL, "p.parquet")
    write(tmp_path / "f.csv", rows_of(range(DAYS, DAYS + 3)))
    monkeypatch.setattr(sys, "argv", ["invrl", "train", "--data", "p.parquet", "data.forecasts=f.csv"])
    with pytest.raises(SystemExit) as stop:
        main()
    line, _, hint = capsys.readouterr().err.partition("\n\nhint: ")
    assert stop.value.code == 2 and "\n" not in line and hint.strip()
    assert line.startswith("error: ") and "f.csv: every origin is later than 2024-02-09" in line
    assert not (tmp_path / "runs").exists()


def test_gaps_can_be_filled(tmp_path):
    rows = {k: x[ROWS["sku"] == "A"] for k, x in ROWS.items()}
    rows["sku"] = np.where(rows["warehouse"] == "s", "Z", rows["sku"])
    found = taken(write(tmp_path / "f.csv", rows), forecast_gaps="fill")["good"]
    assert not np.isnan(found[4:, 0]).any() and np.isnan(found[:, 1:]).all()


def test_forecasts_that_begin_after_training_are_refused(tmp_path):
    path = write(tmp_path / "f.csv", rows_of(range(30, DAYS)))
    words = ("split.history_days=6", "split.validation_days=6", "split.test_days=6", "split.warmup_days=2")
    with pytest.raises(InvrlError, match="after the training days"):
        make_experiment(PANEL, *words, f'data.forecasts=["{path}"]')


def test_a_forecast_of_two_files_or_none(tmp_path):
    one, two = (write(tmp_path / name, rows_of(range(4, DAYS))) for name in ("one.csv", "two.csv"))
    with pytest.raises(InvrlError, match="is in another file, too"):
        read(PANEL, Data(forecasts=(one, two)))
    with pytest.raises(InvrlError, match="no column of forecasts"):
        read(PANEL, Data(forecasts=(one,), forecast_models=("goood",)))


def test_weeks_are_weeks(tmp_path):
    """Cutoffs and targets a week apart; a date between two weeks is refused."""
    panel = replace(PANEL, step="week")
    rows = rows_of(range(4, DAYS))
    weeks = {name: (rows[name] - START).astype(int) * 7 + START for name in ("origin", "date")}
    path = write(tmp_path / "f.csv", {**rows, **weeks})
    np.testing.assert_array_equal(taken(path, panel)["good"], taken(write(tmp_path / "d.csv", rows))["good"])
    path = write(tmp_path / "g.csv", {**rows, **weeks, "date": weeks["date"] + 1})
    with pytest.raises(InvrlError, match="between two weeks of the panel"):
        taken(path, panel)
