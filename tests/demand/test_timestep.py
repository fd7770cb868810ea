"""Days, weeks and months: found from dates, counted, and named."""

from __future__ import annotations

import numpy as np
import pytest

from invrl.demand import timestep
from invrl.errors import InvrlError
from invrl.sources.files import read_panel

STARTS = ("2024-01-01", "2023-12-27", "2024-02-29", "2024-01-15")


def days_of(start: str, count: int, step: str) -> np.ndarray:
    return timestep.dates(np.datetime64(start, "D"), count, step).astype("datetime64[D]").astype(np.int64)


@pytest.mark.parametrize("step", timestep.STEPS)
@pytest.mark.parametrize("start", STARTS)
def test_dates_made_of_a_step_are_found_to_be_of_it(start: str, step: str) -> None:
    days = days_of(start, 30, step)
    assert timestep.found(days) == step
    assert np.array_equal(timestep.steps_from(np.datetime64(start, "D"), days, step), np.arange(30))


def test_a_date_between_two_steps_is_none() -> None:
    start = np.datetime64("2024-01-01", "D")
    for step in ("week", "month"):
        days = days_of("2024-01-01", 5, step)
        found = timestep.steps_from(start, days + np.array([0, 0, 3, 0, 0]), step)
        assert found.tolist() == [0, 1, timestep.BETWEEN, 3, 4]


def test_few_dates_far_apart_are_days_with_gaps() -> None:
    assert timestep.found(days_of("2024-01-01", 400, "day")[[0, 364]]) == "day"
    assert timestep.found(days_of("2024-01-01", 4000, "month")[[0, 3999]]) == "day"


def test_month_ends_stay_month_ends() -> None:
    found = timestep.dates(np.datetime64("2024-01-31", "D"), 4, "month").astype(str)
    assert found.tolist() == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]


def test_the_season_of_weeks_is_the_year() -> None:
    week = timestep.phase(np.datetime64("2024-07-01", "D"), "week")
    assert week == pytest.approx(26, abs=0.1) and timestep.phase(np.datetime64("2024-03-01"), "month") == 2


def test_texts_about_days_become_texts_about_weeks() -> None:
    assert (
        timestep.spoken("3 days, daily, a day; Days today", "week") == "3 weeks, weekly, a week; Weeks today"
    )
    names = [timestep.spoken(name, "week") for name in ("turnover d", "median d", "at cap %")]
    assert names == ["turnover w", "median w", "at cap %"]


def write(path, rows: list[str]):
    path.write_text("date,sku,demand\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_a_weekly_file_is_read_as_weeks_and_two_steps_are_refused(tmp_path) -> None:
    weeks = ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-22"]
    panel = read_panel(write(tmp_path / "w.csv", [f"{week},{sku},3" for week in weeks for sku in "AB"]))
    assert (panel.step, panel.days, str(panel.dates[-1]), str(panel.date(4))) == (
        "week", 4, "2024-01-22", "2024-01-29",
    )  # fmt: skip
    daily = [f"2024-01-{day:02d},B,3" for day in range(1, 23)]
    with pytest.raises(InvrlError, match="7 days apart, those of others are not"):
        read_panel(write(tmp_path / "two.csv", [*(f"{week},A,3" for week in weeks), *daily]))
    off = [f"{week},A,3" for week in [*weeks[:2], "2024-01-16", weeks[3]]]
    with pytest.raises(InvrlError, match="2024-01-16`, within a week"):
        read_panel(write(tmp_path / "off.csv", off), step="week")


def test_listed_pairs_and_closed_days_are_told_by_missing_rows(tmp_path) -> None:
    rows = [f"2024-01-{day:02d},A,3" for day in (1, 2, 3, 5, 6)] + ["2024-01-03,B,1", "2024-01-06,B,2"]
    panel = read_panel(write(tmp_path / "f.csv", rows), gaps="listed")
    assert panel.open is not None
    assert panel.open.T.astype(int).tolist() == [[1, 1, 1, 0, 1, 1], [0, 0, 1, 0, 1, 1]]
    assert panel.demand.T.tolist() == [[3, 3, 3, 0, 3, 3], [0, 0, 1, 0, 0, 2]]


@pytest.mark.parametrize("step", timestep.STEPS)
def test_steps_before_the_start_have_dates_of_the_step(step: str) -> None:
    start = np.datetime64("2024-03-31", "D")
    found = timestep.dates_at(start, np.arange(-3, 2), step)
    later = timestep.dates(found[0], 5, step)
    assert found[3] == start and np.array_equal(found, later)
