"""The panel of a run with later sales behind it, and with the period that is yet to come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from invrl.config.schema import Data
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.sources.contract import source_panel

BY_DAY = ("ahead", "after", "in_stock", "open", "regressors", "demand")
"""Fields of a panel that have a value for each day."""


def read_later(data: Data, path: Path, panel: Panel) -> Panel:
    """The sales behind the panel's last day, for its pairs, in its order.

    Args:
        data: how the panel was read: the file has the same columns.

    Raises:
        InvrlError: other pairs, or other days than those that follow.
    """
    told: Any = panel.step  # a file of one date does not show its step
    later = source_panel(replace(data, source="file", path=str(path), step=told, options={}))
    first, last = later.start, panel.date(panel.days - 1)
    skip = panel.days - panel.day(first)
    if skip < 0 or skip >= later.days:
        hint = f"its rows should go on with {panel.date(panel.days)}"
        raise InvrlError(f"{path} is of {first} to {later.dates[-1]}; the data ends on {last}", hint=hint)
    return _from_day(later, skip).take(_places(path, later, panel))


def _places(path: Path, later: Panel, panel: Panel) -> np.ndarray:
    """[N] where each pair of the panel is among the later ones."""
    order = np.argsort(later.names, kind="stable")
    found = order[np.minimum(np.searchsorted(later.names[order], panel.names), later.pairs - 1)]
    wrong = later.names[found] != panel.names
    if wrong.any():
        name = panel.names[np.argmax(wrong)]
        raise InvrlError(f"{path} has no row for `{name}`", hint="a pair that sold nothing has the demand 0")
    if later.pairs > panel.pairs:
        name = np.setdiff1d(later.names, panel.names)[0]
        raise InvrlError(f"{path}: `{name}` is not in the data", hint="leave out pairs that are not in it")
    return found


def _from_day(panel: Panel, first: int) -> Panel:
    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: column[first:] for name, column in value.items()}
        return value if value is None else value[first:]

    changes = {name: cut(getattr(panel, name)) for name in BY_DAY}
    return replace(panel, start=panel.date(first), lead_time=None, **changes)


def joined(panel: Panel, later: Panel) -> Panel:
    """The panel, and the later days behind it; lead times that change by day stay as on its last day."""

    def join(name: str, one: Any, other: Any) -> Any:
        if isinstance(one, dict):
            lacking = sorted(one.keys() - other.keys())
            if lacking:
                raise InvrlError(f"the later sales have no column `{lacking[0]}`", hint="the data has it")
            return {key: np.concatenate([one[key], other[key]]) for key in one}
        if one is None and other is None:
            return None
        if name in ("in_stock", "open"):
            one, other = (_ones(p) if x is None else x for p, x in ((panel, one), (later, other)))
        if one is None or other is None:
            raise InvrlError(f"only one of the data and the later sales has {name}", hint="both, or none")
        return np.concatenate([one, other]).astype(one.dtype)

    changes = {name: join(name, getattr(panel, name), getattr(later, name)) for name in BY_DAY}
    lead_time = panel.lead_time
    if lead_time is not None and lead_time.ndim == 2:
        lead_time = np.concatenate([lead_time, np.repeat(lead_time[-1:], later.days, 0)])
    return replace(panel, lead_time=lead_time, **changes)


def _ones(panel: Panel) -> np.ndarray:
    return np.ones(panel.demand.shape, np.float32)


def coming(panel: Panel) -> Panel:
    """One more day behind the panel whose demand is not known: masked, so that nobody reads or measures it.

    Raises:
        InvrlError: its known-ahead columns would be needed.
    """
    if panel.ahead or panel.regressors is not None:
        hint = "`invrl recommend` orders for the coming day: --ahead FILE"
        raise InvrlError("the data has columns that must be known of the coming day", hint=hint)
    last = _from_day(panel, panel.days - 1)
    unknown = np.zeros_like(last.demand)
    return joined(panel, replace(last, demand=unknown, in_stock=unknown))
