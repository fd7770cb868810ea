"""Weekly files with a mistake in them: one line that names the place, a hint, exit code 2 (forecasts:
`test_forecasts.py`)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_panel

from invrl.errors import InvrlError
from invrl.recommend.recorded import recorded
from invrl.sources.files import read_panel

pytest.importorskip("pyarrow")

START = np.datetime64("2024-01-01")
NAMES = ("date", "sku", "warehouse", "demand", "in_stock", "open")
ROWS = [[str(START + 7 * t), f"S{i}", "W", str(t + i), "1", "1"] for i in range(3) for t in range(6)]


def with_cell(name: str, value: str) -> list[list[str]]:
    """The third row (line 4) with another cell."""
    rows = [list(row) for row in ROWS]
    rows[2][NAMES.index(name)] = value
    return rows


DAYS = [[str(START + t), "D", "W", "1", "1", "1"] for t in range(36)]
PANELS: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "two time steps": (ROWS + DAYS, {}, "7 days apart, those of others are not", "two time steps"),
    "a week from Tuesday": (with_cell("date", "2024-01-16"), {}, "of one weekday, line 4 is not", "mend"),
    "... told to be weeks": (
        with_cell("date", "2024-01-16"), {"step": "week"}, "`date` is `2024-01-16`, within a week", "two"
    ),
    "weeks told to be days": (ROWS, {"step": "day"}, "its rows are 7 days apart", "if they are days"),
    "weeks told to be months": (ROWS, {"step": "month"}, "`date` is `2024-01-08`, within a month", "step"),
    "no step": (ROWS, {"step": "fortnight"}, "no time step `fortnight`", "day, week, month"),
    "mask above 1": (with_cell("in_stock", "1.5"), {}, "line 4: `in_stock` is `1.5`", "0 to 1"),
    "mask below 0": (with_cell("in_stock", "-0.1"), {}, "line 4: `in_stock` is `-0.1`", "at least 0"),
    "mask of words": (with_cell("in_stock", "yes"), {}, "`in_stock` is `yes`, not a number", "number"),
    "no mask": (with_cell("in_stock", ""), {}, "line 4: `in_stock` is missing", "fill the cell"),
    "open above 1": (with_cell("open", "2"), {}, "line 4: `open` is `2`", "0 to 1"),
    "sales when closed": (with_cell("open", "0"), {}, "line 4: `demand` is `2` on a closed", "mend `open`"),
    "less than nothing sold": (with_cell("demand", "-3"), {}, "line 4: `demand` is `-3`", "at least 0"),
    "a week twice": ([*ROWS, ROWS[2]], {}, "line 4 and line 20 are both S0@W on 2024-01-15", "pair and week"),
    "a week left out": (ROWS[:2] + ROWS[3:], {}, "1 of 18 pair-weeks have no row", "a missing week"),
    "a far year": (with_cell("date", "2042-01-06"), {}, "have no row", "is a date wrong?"),
}  # fmt: skip


def one_line(error: InvrlError, message: str, hint: str) -> None:
    assert message in error.message and hint in error.hint
    assert error.exit_code == 2 and "\n" not in error.message


def write(path: Path, header: tuple[str, ...], rows: list[Any]) -> Path:
    path.write_text("\n".join(",".join(cells) for cells in (header, *rows)) + "\n")
    return path


@pytest.mark.parametrize("name", PANELS)
def test_a_bad_weekly_panel(tmp_path: Path, name: str) -> None:
    rows, words, message, hint = PANELS[name]
    with pytest.raises(InvrlError) as caught:
        read_panel(write(tmp_path / "f.csv", NAMES, rows), **words)
    one_line(caught.value, message, hint)


def test_the_file_without_a_mistake_is_read(tmp_path: Path) -> None:
    assert read_panel(write(tmp_path / "f.csv", NAMES, ROWS)).step == "week"


STATE = ("date", "sku", "warehouse", "on_hand", "due_in_1", "due_in_2")
TODAY = "2024-02-12"
"""The Monday after the panel's six weeks."""


def stock(date: str = TODAY, sku: str = "S1", on_hand: str = "4", due: str = "0") -> list[tuple[str, ...]]:
    rows = [(TODAY, f"S{i}", "W", "1", "0", "2") for i in (0, 2)]
    return [rows[0], (date, sku, "W", on_hand, due, "2"), rows[1]]


STATES = {
    "of another week": (stock("2024-01-29"), "line 3: `date` is `2024-01-29`, a state of another day", TODAY),
    "of a week to come": (stock("2024-02-19"), "`2024-02-19`, a state of another day", "is on 2024-02-12"),
    "an unknown pair": ([*stock(), (TODAY, "Z", "W", "1", "0", "0")], "`Z@W` is not in the data", "leave"),
    "a pair without a row": (stock()[:2], "no row for `S2@W`", "`on_hand` 0"),
    "a pair twice": (stock(sku="S0"), "line 2 and line 3 are both S0@W", "one row per pair"),
    "less than nothing": (stock(on_hand="-1"), "line 3: `on_hand` is `-1`", ""),
    "no number": (stock(due="soon"), "line 3: `due_in_1` is `soon`, not a number", "number"),
}  # fmt: skip


def of_the_panel(path: Path, rows: list[Any]) -> np.ndarray:
    panel = make_panel(np.ones((6, 3)), step="week", start=START)
    supply = {"lead_time": np.full(3, 2), "review_period": np.ones(3, int), "first_review": np.zeros(3, int)}
    panel = replace(panel, **supply)
    return recorded(write(path, STATE, rows), {}, panel, backlog=False)


@pytest.mark.parametrize("name", STATES)
def test_a_bad_weekly_state(tmp_path: Path, name: str) -> None:
    rows, message, hint = STATES[name]
    with pytest.raises(InvrlError) as caught:
        of_the_panel(tmp_path / "state.csv", rows)
    one_line(caught.value, message, hint)


@pytest.mark.parametrize("date", [TODAY, "2024-02-05", "2024-02-11"])
def test_a_state_of_the_evening_or_of_the_week_that_ended(tmp_path: Path, date: str) -> None:
    assert of_the_panel(tmp_path / "state.csv", stock(date)).tolist() == [[1, 4, 1], [2, 2, 2], [0, 0, 0]]
