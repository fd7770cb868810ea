"""The stock and pipeline that are really there, for simulations that begin with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from invrl.demand.panel import Panel
from invrl.recommend.state import read_layout, read_states
from invrl.sources.names import check_matches, pairs_in, read_names
from invrl.tables.columns import Columns
from invrl.tables.open import TableFile, open_table


def recorded(
    path: Path, columns: Mapping[str, str], panel: Panel, backlog: bool, day: int | None = None
) -> np.ndarray:
    """[L+1, N] units on hand, then due in 1..L days, of the panel's pairs on the morning of a review.

    Args:
        path: a file as `recommend` reads it (`state.py`); columns: our name -> the file's name.
        panel: with supply filled in; L is its longest lead time.
        backlog: on hand may be negative.
        day: of the review; None: the day after the panel's last.

    Raises:
        InvrlError: a pair of the panel has no row, a row no pair, or a value is wrong.
    """
    assert panel.lead_time is not None  # with_supply
    file, longest = open_table(path), int(panel.lead_time.max())
    layout = read_layout(file, columns, (), (), longest, backlog)
    names = read_names(file, layout.names)
    pair = pairs_in(names, panel.sku, panel.warehouse)
    check_matches(file, names, panel.sku, panel.warehouse, pair, told=False)
    unknown = np.flatnonzero(pair < 0)
    if unknown.size:
        text = f"`{names.of(unknown[0])}` is not in the data"
        raise file.fail(text, hint="leave out pairs that the data does not have", row=int(unknown[0]))
    lacking = np.setdiff1d(np.arange(panel.pairs), pair)
    if lacking.size:
        some = f"`{panel.names[lacking[0]]}`" + (
            f" and {lacking.size - 1:,} more" if lacking.size > 1 else ""
        )
        raise file.fail(f"no row for {some}", hint="a pair without stock has the row `on_hand` 0")
    _check_date(file, columns.get("date", "date"), panel, panel.days if day is None else day)
    (state,) = read_states(layout, len(pair))
    stock = np.zeros((longest + 1, panel.pairs), np.float32)
    stock[:, pair] = np.concatenate([state.on_hand[None], state.due])
    return stock


def _check_date(file: TableFile, name: str, panel: Panel, day: int) -> None:
    """Refuse a state of another day, if it says its day: the one before the review, or up to its morning."""
    if name not in file.names:
        return
    table = Columns.read(file, {"date": name}, text=("date",))
    first, review = (int(panel.date(day + k).astype(int)) for k in (-1, 0))
    found = table.days("date")
    hint = f"the first review is on {panel.date(day)}: the state of that day, or of the evening before"
    table.refuse("date", (found < first) | (found > review), "{}, a state of another day", hint)
