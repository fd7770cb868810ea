"""The time step of a panel: a day, a week or a month, found from its dates.

Everything counts in steps: lead times, review periods, splits, rates. What the code and the config call a
day is one step of the data; people are told its own word (`spoken`).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from invrl.errors import InvrlError

STEPS = {"day": 7.0, "week": 365.2425 / 7, "month": 12.0}
"""Name of a step -> steps after which demand is like itself: a week of days, a year of weeks or months."""


def found(days: np.ndarray) -> str:
    """The name of the step between dates; a day, where weeks or months would leave out more than they fill.

    Args:
        days: [U] int64, the distinct days since 1970-01-01 that have rows, in order.
    """
    if len(days) < 2:
        return "day"
    apart, span = np.diff(days), days[-1] - days[0]
    if (apart % 7 == 0).all() and span / 7 < SPARSE * len(days):
        return "week"
    monthly = apart.min() >= MONTH and _day_of_month(days) is not None
    return "month" if monthly and span / MONTH < SPARSE * len(days) else "day"


MONTH = 28
"""Days of the shortest month."""
SPARSE = 2
"""Steps for each date that has rows, at most."""


def _day_of_month(days: np.ndarray) -> int | None:
    """The day of the month that all dates share (1, 2, ...; 0 is the last of each), or None."""
    dates = days.astype("datetime64[D]")
    if ((dates + 1).astype("datetime64[M]") == dates + 1).all():
        return 0
    shared = np.unique((dates - dates.astype("datetime64[M]")).astype(int) + 1)
    return int(shared[0]) if shared.size == 1 else None


BETWEEN = -(2**31)
"""Of a date that lies between two steps."""


def steps_from(start: np.datetime64, days: np.ndarray, step: str) -> np.ndarray:
    """[rows] int: how many steps each date lies behind `start`; BETWEEN for one between two steps.

    Args:
        days: [rows] int64, days since 1970-01-01.
    """
    since = days - int(start.astype("datetime64[D]").astype(int))
    if step == "day":
        return since
    if step == "week":
        return np.where(since % 7 == 0, since // 7, BETWEEN)
    anchor = _anchor(start)
    months = (days + (anchor == 0)).astype("datetime64[D]").astype("datetime64[M]")
    on = dates_of(months, anchor) == days.astype("datetime64[D]")
    return np.where(on, (months - (start + int(anchor == 0)).astype("datetime64[M]")).astype(int), BETWEEN)


def _anchor(start: np.datetime64) -> int:
    anchor = _day_of_month(np.array([int(start.astype("datetime64[D]").astype(int))]))
    assert anchor is not None
    return anchor


def dates_of(months: np.ndarray, anchor: int) -> np.ndarray:
    """The day `anchor` of each month; 0: the day before the month begins."""
    return months.astype("datetime64[D]") + (anchor - 1)


def dates(start: np.datetime64, count: int, step: str) -> np.ndarray:
    """[count] `datetime64[D]`, one for each step, the first is `start`."""
    return dates_at(start, np.arange(count), step)


def dates_at(start: np.datetime64, steps: Any, step: str) -> Any:
    """`datetime64[D]` of each of the steps, counted from `start`; below 0 they lie before it."""
    if step != "month":
        return start + (7 if step == "week" else 1) * steps
    anchor = _anchor(start)
    return dates_of((start + (anchor == 0)).astype("datetime64[M]") + steps, anchor)


def weekday(dates: Any) -> Any:
    """0 for a Monday ... 6, of `datetime64`."""
    return (dates.astype("datetime64[D]").astype(int) + 3) % 7  # 1970-01-01 was a Thursday


def phase(start: np.datetime64, step: str) -> float:
    """Where in its cycle the first step is: 0 is a Monday, or the first days of a year."""
    day = start.astype("datetime64[D]")
    if step == "day":
        return float(weekday(day))
    year = day.astype("datetime64[Y]")
    if step == "month":
        return float((day.astype("datetime64[M]") - year.astype("datetime64[M]")).astype(int))
    return float((day - year.astype("datetime64[D]")).astype(int)) / 7


def spoken(text: str, step: str) -> str:
    """A text about days, said of another step: `3 days` becomes `3 weeks`, `daily` `weekly`."""
    if step == "day":
        return text
    words = {"daily": f"{step}ly", "Daily": f"{step.capitalize()}ly"}
    text = re.sub(r"\b(turnover|median) d\b", rf"\1 {step[0]}", text).replace("(d)", f"({step[0]})")
    text = re.sub(r"\b[Dd]aily\b", lambda found: words[found[0]], text)
    text = re.sub(r"\bday(?=s?\b)", step, text)
    return re.sub(r"\bDay(?=s?\b)", step.capitalize(), text)


def check(step: str) -> str:
    if step not in STEPS:
        raise InvrlError(f"no time step `{step}`", hint=f"one of {', '.join(STEPS)}")
    return step
