"""Rolling origins: what each forecaster would have said, as a file for `data.forecasts`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from invrl import registry
from invrl.demand import timestep
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.forecasters.past import Past
from invrl.tables.chunks import new_table
from invrl.tables.open import pyarrow

DAILY = 4_000_000
"""Rows up to which every day is an origin."""
REACH = {"day": 21, "week": 8, "month": 4}
"""Days from each origin on, at least."""
SEEN = {"day": 28, "week": 26, "month": 12}
"""Days before the first origin, at most a third of the panel."""


class Plan(NamedTuple):
    origins: tuple[int, ...]  # days of the panel; the last is the day after it
    every: int  # days between them
    horizon: int  # days forecast from each


def plan(panel: Panel, every: int, horizon: int, first: int) -> Plan:
    """Origins back from the day after the panel's last; 0 is a sensible choice.

    Raises:
        InvrlError: no origin fits.
    """
    reach = horizon or REACH[panel.step]
    first = first or max(2, min(SEEN[panel.step], panel.days // 3))
    if not 2 <= first <= panel.days:
        raise InvrlError(f"--first {first}: no such day", hint=f"2 to {panel.days}")
    if not every:
        every = 1 if (panel.days - first) * reach * panel.pairs <= DAILY or panel.step != "day" else 7
    if not horizon and panel.lead_time is not None and panel.review_period is not None:
        reach = max(reach, int(panel.lead_time.max() + panel.review_period.max()) + every - 1)
    return Plan(tuple(range(panel.days, first - 1, -every))[::-1], every, reach)


def write_forecasts(
    panel: Panel, path: Path, names: Sequence[str], plan: Plan, quantiles: tuple[float, ...],
    watch: Callable[[int], None],
) -> int:  # fmt: skip
    """Write a row per origin, day and pair, a column per forecast; returns the rows.

    Args:
        watch: called with the number of origins done.
    """
    past = Past(panel, plan.horizon, quantiles, plan.origins[0])
    makers = {name: registry.get("forecaster", name) for name in names}
    at = {name: make(past, plan.origins) for name, make in makers.items()}
    dates = timestep.dates(panel.start, panel.days + plan.horizon, panel.step)
    words = {name: np.unique(getattr(panel, name), return_inverse=True) for name in ("sku", "warehouse")}
    rows = 0
    with new_table(path) as append:
        for done, origin in enumerate(plan.origins, 1):
            found = {_label(name, part): x for name, make in at.items() for part, x in make(origin).items()}
            append(_table(panel, dates, words, origin, found, path.suffix == ".csv"))
            rows += plan.horizon * panel.pairs
            watch(done)
    return rows


def _label(name: str, part: str) -> str:
    return f"{name}_{part}" if part else name


def _table(
    panel: Panel,
    dates: np.ndarray,
    words: dict[str, Any],
    origin: int,
    found: dict[str, np.ndarray],
    plain: bool,
) -> Any:
    """`pyarrow.Table` of one origin, day after day."""
    arrow = pyarrow()
    horizon = len(next(iter(found.values())))
    columns = {}
    for name, (distinct, codes) in words.items():
        rows = np.tile(codes.astype(np.int32), horizon)
        column = arrow.DictionaryArray.from_arrays(rows, arrow.array(distinct.astype(str).tolist()))
        columns[name] = column.cast("string") if plain else column
    columns["origin"] = arrow.array(np.full(horizon * panel.pairs, dates[origin].astype("datetime64[D]")))
    target = dates[origin : origin + horizon].astype("datetime64[D]")
    columns["date"] = arrow.array(np.repeat(target, panel.pairs))
    columns |= {name: arrow.array(np.round(values.ravel(), 4)) for name, values in found.items()}
    return arrow.table(columns)
